"""Speed compared with other libraries, in the same process: `make bench`."""
