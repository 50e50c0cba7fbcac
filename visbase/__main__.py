"""`python -m visbase` is the same as the command `visbase`."""

import sys
from pathlib import Path

if sys.path and Path(sys.path[0]) == Path.cwd():
    del sys.path[0]  # a module of the working folder is not to run in place of ours

from visbase.pipeline.commands import main

main()
