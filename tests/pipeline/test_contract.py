"""What every method file and every dataset file must define and obey."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.small_methods import METHODS, N_TEST, N_TRAIN, build_small
from visbase.pipeline.contracts import KINDS, Method, Refits
from visbase.pipeline.datasets import find_datasets
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.models.methods import MethodFile

DATASETS = find_datasets()
BLANK = 5  # position of an all-black image among the training and the test images


@pytest.fixture(params=METHODS.values(), ids=METHODS, scope="module")
def method(request: pytest.FixtureRequest) -> MethodFile:
    return request.param


@pytest.fixture(autouse=True)
def fresh_cache(fresh_folders: Path) -> None:
    """Loads nothing from the cache of another test: a second fit is computed."""


@dataclasses.dataclass(frozen=True)
class Digits:
    """A few real digits, among the training and the test images a blank one."""

    images: np.ndarray
    labels: np.ndarray
    test: np.ndarray


@pytest.fixture(scope="module")
def digits(mnist: Dataset) -> Digits:
    images = mnist.train.images[:N_TRAIN].copy()
    test = mnist.test.images[:N_TEST].copy()
    images[BLANK] = test[BLANK] = 0
    images.flags.writeable = test.flags.writeable = False  # a method that writes fails
    return Digits(images, mnist.train.labels[:N_TRAIN], test)


@pytest.fixture(scope="module")
def fitted(
    method: MethodFile, digits: Digits, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Method]:
    """The method, fitted on the digits once for all tests of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISBASE_ARTIFACTS", str(tmp_path_factory.mktemp("artifacts")))
        model = build_small(method)
        model.fit(digits.images, digits.labels)
    yield model


def test_method_file_has_the_four_names(method: MethodFile) -> None:
    module = method.load()
    assert method.summary == module.SUMMARY.strip() != ""
    assert "\n" not in module.SUMMARY
    assert "|" not in module.SUMMARY  # it stands in a Markdown table
    assert dataclasses.is_dataclass(module.Config)
    assert module.Config.__dataclass_params__.frozen
    assert callable(module.build)
    assert set(module.PRESETS) >= {"full", "quick"}
    assert module.PRESETS["full"] == module.Config()  # the defaults are published
    assert all(type(preset) is module.Config for preset in module.PRESETS.values())


def test_config_can_be_set_by_command_and_recorded_as_json(method: MethodFile) -> None:
    module = method.load()
    for preset, config in module.PRESETS.items():
        values = dataclasses.asdict(config)
        settings = [f"{name}={value!r}" for name, value in values.items()]
        assert method.configure(preset, settings) == config
        listed = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        assert json.loads(json.dumps(values)) == listed


def test_search_changes_a_preset(method: MethodFile) -> None:
    for changes in getattr(method.load(), "SEARCH", ()):
        presets = [method.presets(kind)["full"] for kind in KINDS]
        assert any(dataclasses.replace(full, **changes) != full for full in presets)


def test_fitted_method_scores_and_labels(fitted: Method, digits: Digits) -> None:
    classes = np.unique(digits.labels)
    scores, prediction = fitted.scores(digits.test), fitted.predict(digits.test)
    assert scores.shape == (N_TEST, len(classes))
    assert np.isfinite(scores).all()
    assert prediction.shape == (N_TEST,)
    assert np.array_equal(prediction, classes[scores.argmax(axis=1)])
    assert json.loads(json.dumps(fitted.n_parameters)) >= 1


def test_prediction_depends_on_no_batch(fitted: Method, digits: Digits) -> None:
    whole = fitted.predict(digits.test)
    for cuts in ([1], [7, 8, 41], list(range(1, N_TEST, 9))):
        parts = [fitted.predict(part) for part in np.split(digits.test, cuts)]
        assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(fitted.predict(digits.test[::-1]), whole[::-1])


def test_classifier_refitted_to_the_training_images_predicts_as_the_model(
    fitted: Method, digits: Digits
) -> None:
    if not isinstance(fitted, Refits):
        return
    before, features = fitted.scores(digits.test), fitted.features(digits.test)
    assert np.array_equal(fitted.scores_of(features), before)
    train = fitted.features(digits.images)
    again = fitted.refit(train, digits.labels)(features)
    # nearly, since a method may have been fitted to distorted copies as well
    assert np.mean(again.argmax(axis=1) == before.argmax(axis=1)) > 0.9
    halved = fitted.refit(train[::2], digits.labels[::2])
    assert not np.array_equal(halved(features), before)
    assert np.array_equal(fitted.scores(digits.test), before)


def test_one_class_is_always_predicted_and_a_new_fit_depends_on_the_seed_alone(
    method: MethodFile, fitted: Method, digits: Digits
) -> None:
    model = build_small(method)
    sevens = digits.images[digits.labels == 7]
    model.fit(sevens, np.full(len(sevens), 7))
    assert model.predict(digits.test).tolist() == [7] * N_TEST
    assert model.scores(digits.test).shape == (N_TEST, 1)
    model.fit(digits.images, digits.labels)
    assert np.array_equal(model.predict(digits.test), fitted.predict(digits.test))


def test_small_colour_images_pass_through_every_method(method: MethodFile) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 32, 32, 3), np.uint8)
    images.flags.writeable = False  # a method that writes fails
    model = build_small(method)
    model.fit(images[:30], np.arange(30) % 3)
    scores = model.scores(images)
    assert scores.shape == (40, 3)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(("name", "summary"), DATASETS.items(), ids=DATASETS)
def test_dataset_file_has_a_summary_and_loads(name: str, summary: str) -> None:
    assert summary.strip()
    assert "\n" not in summary
    assert callable(import_module(f"visbase.pipeline.datasets.{name}").load)


def test_mnist_is_a_dataset_of_grey_digits(mnist: Dataset) -> None:
    assert (mnist.kind, mnist.channels, mnist.photographs) == ("digits", 1, False)
