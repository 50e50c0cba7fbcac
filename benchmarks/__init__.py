"""Speed against what others use, side by side in one run: `make bench`."""
