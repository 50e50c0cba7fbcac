"""`python -m visbase` is the same as the command `visbase`."""

import os
import sys

if sys.path and sys.path[0] == os.getcwd():  # noqa: PTH109 - pathlib may be the user's
    del sys.path[0]  # a module of the working folder is not to run in place of ours

from visbase.pipeline.commands import main

main()
