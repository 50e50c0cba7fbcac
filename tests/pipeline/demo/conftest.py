"""Two small models of digits, whose classes are a to j."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.saved_models import fit_and_save, resave
from visbase.pipeline.datasets.splits import Dataset, part
from visbase.pipeline.models.calibration import uncalibrated
from visbase.pipeline.models.file import load_model, save_model

SETTINGS: dict[str, dict[str, int]] = {
    "bovw_grid": {"n_words": 50, "n_samples": 5000, "step_px": 2},
    "lenet5": {"epochs": 6},
    "svm_rbf": {},
}


@pytest.fixture(scope="package")
def fit_models(
    mnist: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int, str], list[Path]]:
    """Files of bovw_grid, and of another method with probabilities, of n digits."""

    def fit(n: int, other: str) -> list[Path]:
        folder, train = tmp_path_factory.mktemp("demo"), part(mnist.train, slice(0, n))
        paths = [folder / f"{name}.visbase" for name in ("bovw_grid", other)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VISBASE_ARTIFACTS", str(folder / "artifacts"))
            for path in paths:
                fit_and_save(path.stem, train, path, **SETTINGS[path.stem])
                resave(path, path, lambda card, _: card.update(kind="digits"))
        model = load_model(paths[1])
        save_model(paths[1], model.classifier, model.card, uncalibrated())
        return paths

    return fit
