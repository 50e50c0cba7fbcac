"""Few training digits, and a sound model of them for tests that break a copy."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.pipeline.saved_models import fit_and_save
from tests.pipeline.small_methods import N_TRAIN, build_small
from visbase.pipeline.datasets.splits import Dataset, Split, part
from visbase.pipeline.models.calibration import calibrate
from visbase.pipeline.models.file import load_model, save_model
from visbase.pipeline.models.methods import find_method


@pytest.fixture(scope="package", autouse=True)
def own_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISBASE_ARTIFACTS", str(tmp_path_factory.mktemp("artifacts")))
        yield


@pytest.fixture(scope="package")
def train(mnist: Dataset) -> Split:
    return part(mnist.train, slice(0, N_TRAIN))


@pytest.fixture(scope="package")
def saved(train: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """svm_rbf, trained on the dataset "toy" of 28 x 28 digits, classes a to j."""
    path = tmp_path_factory.mktemp("saved") / "svm.visbase"
    fit_and_save("svm_rbf", train, path)
    return path


@pytest.fixture(scope="package")
def calibrated(saved: Path, train: Split) -> Path:
    """The same model with a calibration."""
    model, path = load_model(saved), saved.with_name("calibrated.visbase")
    build = partial(build_small, find_method("svm_rbf"))
    calibration = calibrate(model.classifier, build, train, 0)
    save_model(path, model.classifier, model.card, calibration)
    return path
