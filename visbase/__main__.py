"""`python -m visbase` is the same as the command `visbase`."""

from visbase.pipeline.commands.main import main

main()
