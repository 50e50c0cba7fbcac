"""`python -m pipeline` is the same as `visbase`."""

from pipeline.cli import main

main()
