"""`python -m tests.soak.gate`: the gate that continuous integration runs."""

import runpy

from visbase.pipeline.storage import ROOT

if __name__ == "__main__":
    runpy.run_path(str(ROOT / ".ci" / "gate.py"), run_name="__main__")
