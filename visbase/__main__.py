"""`python -m visbase` is the same as the command `visbase`."""

from visbase.pipeline.cli import main

main()
