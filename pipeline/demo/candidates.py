"""Which models answer on the page if the user names none."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from visbase.pipeline.errors import BadInput
from visbase.pipeline.models.file import Model, load_model
from visbase.pipeline.storage import artifacts

N_MODELS = 2
ADVICE = "run `make demo`, or `visbase run lenet5 --preset quick --save lenet5.visbase`"


def load_models(paths: Sequence[Path]) -> list[Model]:
    """Load these models, or the best that are there; BadInput if they do not go.

    All models must take the same kind of image. The best are those of the lowest test
    error, one per method, among the models of the dataset that the newest file is for.
    """
    models = [load_model(path) for path in paths] or _best()
    kinds = sorted({model.card.kind for model in models})
    if len(kinds) > 1:
        raise BadInput(
            f"expected models of one kind of image, found {' and '.join(kinds)}; name "
            "models that answer the same pictures"
        )
    return models


def _best() -> list[Model]:
    """The best models in the working folder and in the folder of artifacts."""
    folders = (Path.cwd(), artifacts())
    files = {file for folder in folders for file in folder.glob("*.visbase")}
    # `visbase cost` leaves models without an ending here
    files |= {*(artifacts() / "models").glob("*/*")}
    loaded, refused = [], ""
    there = filter(Path.is_file, files)
    for file in sorted(there, key=lambda file: -file.stat().st_mtime):
        try:
            loaded.append(load_model(file))
        except BadInput as error:  # one bad file does not stand in the way of others
            refused = f" ({error})"
    if not loaded:
        raise BadInput(f"expected saved models here, found none{refused}; {ADVICE}")
    same = [model for model in loaded if model.card.dataset == loaded[0].card.dataset]
    same.sort(key=lambda model: -Fraction(model.card.n_correct, model.card.n_test))
    best: dict[str, Model] = {}
    for model in same:
        best.setdefault(model.method, model)
    return list(best.values())[:N_MODELS]
