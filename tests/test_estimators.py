"""`BagOfVisualWords` inside scikit-learn: its checks, pipelines and grid searches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.utils import Tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from visbase.estimators import BagOfVisualWords
from visbase.pipeline.datasets.splits import Dataset

SMALL = BagOfVisualWords(
    bins_px=(2.0,), step_px=4, margin_px=2, n_words=20, n_samples=2000, random_state=0
)


class OnRows(BagOfVisualWords):  # type: ignore[misc]
    """Takes rows of numbers, as scikit-learn's checks have them, as pictures."""

    def fit(self, X: Any, y: object = None) -> OnRows:
        X = validate_data(self, X, dtype=np.float64)
        super().fit(pictures(X), y)
        return self

    def transform(self, X: Any) -> Any:
        check_is_fitted(self)
        return super().transform(pictures(validate_data(self, X, reset=False)))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


def pictures(rows: np.ndarray) -> np.ndarray:
    """(n, d) -> (n, 16, 16): each number is the brightness of a vertical stripe."""
    columns = np.arange(16) * rows.shape[1] // 16
    stripes = np.clip(128 + 40 * rows[:, columns], 0, 255).astype(np.uint8)
    return np.repeat(stripes[:, None], 16, axis=1)


@parametrize_with_checks([OnRows(**SMALL.get_params())])
def test_scikit_learns_checks_pass_on_rows_as_pictures(
    estimator: Any, check: Any
) -> None:
    check(estimator)


def test_pipeline_and_grid_search_choose_the_number_of_words(mnist: Dataset) -> None:
    images, labels = mnist.train.images[:400], mnist.train.labels[:400]
    model = make_pipeline(clone(SMALL), LinearSVC(C=10, random_state=0))
    search = GridSearchCV(model, {"bagofvisualwords__n_words": [2, 40]}, cv=3)
    search.fit(images, labels)
    assert search.best_params_ == {"bagofvisualwords__n_words": 40}
    assert search.score(mnist.test.images[:300], mnist.test.labels[:300]) > 0.8


def test_same_random_state_gives_the_same_histograms(mnist: Dataset) -> None:
    images = mnist.train.images[:100]
    first = clone(SMALL).fit(images).transform(images)
    np.testing.assert_array_equal(first, clone(SMALL).fit_transform(images))
    assert first.shape == (100, 21 * 20)


def test_photographs_of_differing_size_and_colour_become_rows_of_one_length() -> None:
    rng = np.random.default_rng(0)
    sizes = [(40, 60), (50, 30, 3), (64, 64)]
    images = [rng.integers(0, 256, size, np.uint8) for size in sizes]
    rows = clone(SMALL).fit_transform(images)
    assert rows.shape == (3, 21 * 20)
    assert rows.any(axis=1).all()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "found 0 images"),
        (np.zeros((3, 8, 8)), "expected uint8 images"),
        (np.zeros((3, 64), np.uint8), "expected uint8 images"),
        ([np.zeros(8, np.uint8)], "expected uint8 images"),
    ],
)
def test_what_is_no_image_is_a_value_error(images: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        clone(SMALL).fit(images)
