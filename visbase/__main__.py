"""Run `python -m visbase` like the command `visbase`."""

import os
import sys

if sys.path and sys.path[0] == os.getcwd():  # noqa: PTH109 - pathlib could be a user's
    del sys.path[0]  # a module of the working folder must not replace ours

from visbase.pipeline.commands import main

main()
