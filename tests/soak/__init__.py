"""Try many times what can go wrong: `make soak` writes docs/reliability.md."""
