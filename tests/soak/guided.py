"""`python -m tests.soak.guided TARGET FOLDER -runs=N`: one target under atheris."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["visbase"]):
    from tests.soak.readers import MODELS, targets
    from visbase.pipeline.errors import BadInput

if __name__ == "__main__":
    name, folder = sys.argv[1:3]
    corpus = Path(folder) / "corpus"
    corpus.mkdir()
    work = Path(folder) / "work"
    work.mkdir()
    models = MODELS if name == "model files" else MODELS[:1]  # others take longer
    target, seeds = targets(work, models)[name]
    for i, seed in enumerate(seeds):
        (corpus / str(i)).write_bytes(seed)

    def once(data: bytes) -> None:
        with contextlib.suppress(BadInput):
            target(data)

    atheris.Setup([sys.argv[0], *sys.argv[3:], str(corpus)], once)
    atheris.Fuzz()
