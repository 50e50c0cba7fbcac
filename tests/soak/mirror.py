"""`python -m tests.soak.mirror URL ARGUMENT...`: visbase with MNIST from there."""

from __future__ import annotations

import sys

from visbase.pipeline.commands import main
from visbase.pipeline.datasets import mnist

if __name__ == "__main__":
    mnist.MIRRORS = (sys.argv[1],)  # type: ignore[assignment]
    sys.argv = ["visbase", *sys.argv[2:]]
    main()
