"""What can go wrong, tried many times: `make soak` writes docs/reliability.md."""
