"""`python -m tests.soak.guided TARGET FOLDER -runs=N`: one target under atheris."""

import contextlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["visbase"]):
    from tests.soak.readers import READERS
    from visbase.pipeline.errors import BadInput

if __name__ == "__main__":
    name, folder = sys.argv[1:3]
    corpus, work = Path(folder) / "corpus", Path(folder) / "work"
    corpus.mkdir()
    work.mkdir()
    target, seeds = READERS[name][1](work)
    for i, seed in enumerate(seeds):
        (corpus / str(i)).write_bytes(seed)

    def once(data: bytes) -> None:
        with contextlib.suppress(BadInput):
            target(data)

    atheris.Setup([sys.argv[0], *sys.argv[3:], str(corpus)], once)
    atheris.Fuzz()
