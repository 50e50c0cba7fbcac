"""`BagOfVisualWords` inside scikit-learn: its checks, pipelines and grid searches."""

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

from visbase.estimators import BagOfVisualWords, FisherVectors
from visbase.pipeline.datasets.splits import Dataset

FEW = {"bins_px": (2.0,), "step_px": 4, "margin_px": 2, "n_samples": 2000}
SMALL = BagOfVisualWords(**FEW, n_words=20, random_state=0)


class OnRows(BagOfVisualWords):  # type: ignore[misc]
    """Takes rows of numbers, as scikit-learn's checks have them, as pictures."""

    def fit(self, X: Any, y: object = None) -> Any:
        return super().fit(pictures(validate_data(self, X, dtype=np.float64)), y)

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
def test_scikit_learns_checks_pass(estimator: Any, check: Any) -> None:
    check(estimator)


def test_pipeline_and_grid_search_choose_the_number_of_words(mnist: Dataset) -> None:
    images, labels = mnist.train.images[:400], mnist.train.labels[:400]
    model = make_pipeline(clone(SMALL), LinearSVC(C=10, random_state=0))
    search = GridSearchCV(model, {"bagofvisualwords__n_words": [2, 40]}, cv=3)
    search.fit(images, labels)
    assert search.best_params_ == {"bagofvisualwords__n_words": 40}
    assert search.score(mnist.test.images[:300], mnist.test.labels[:300]) > 0.8


RNG = np.random.default_rng(0)
SIZES = [(40, 60), (50, 30), (45, 45), (64, 64), (50, 30, 3)]
RAGGED = [RNG.integers(0, 256, size, np.uint8) for size in SIZES]


def in_container(kind: str) -> Any:
    """Four grey images and one in colour; the tensor holds grey ones of one size."""
    if kind == "object array":
        images = np.empty(5, object)
        images[:] = RAGGED
        return images
    if kind == "series":
        return pytest.importorskip("pandas").Series(RAGGED, index=[9, 8, 7, 6, 5])
    if kind == "tensor":
        same_size = np.stack([image[:40, :30] for image in RAGGED[:4]])
        return pytest.importorskip("torch").from_numpy(same_size)
    return tuple(RAGGED)


@pytest.mark.parametrize("kind", ["tuple", "object array", "series", "tensor"])
def test_images_of_any_size_and_container_become_rows_in_their_order(kind: str) -> None:
    images = in_container(kind)
    rows = clone(SMALL).fit_transform(images)
    again = clone(SMALL).fit_transform([np.asarray(image) for image in images])
    np.testing.assert_array_equal(rows, again)
    assert rows.shape == (len(images), 21 * 20)
    assert rows.any(axis=1).all()


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (None, "None"),
        (np.zeros((8, 8)), "float64 of shape"),
        (np.zeros((8, 8, 4), np.uint8), "uint8 of shape"),
        (np.zeros(8, np.uint8), "uint8 of shape"),
        ("three.png", "<U9 of shape"),
    ],
)
def test_wrong_image_is_named_by_its_position(wrong: Any, found: str) -> None:
    model = clone(SMALL).fit(RAGGED)
    images = [*RAGGED[:3], wrong, *RAGGED[4:]]
    for step in (model.fit, model.transform):
        with pytest.raises(ValueError, match=f"image 3 is {found}"):
            step(images)


@pytest.mark.parametrize(
    ("images", "changes", "found"),
    [
        ([], {}, "found 0 images"),
        (np.zeros((3, 8, 8)), {}, "found float64 of shape"),
        (np.zeros((3, 64), np.uint8), {}, "found uint8 of shape"),
        (3, {}, "found int"),
        ({"a": np.zeros((9, 9), np.uint8)}, {}, "found dict"),
        (None, {}, "found NoneType"),
        (np.zeros((3, 30, 30), np.uint8), {"bins_px": ()}, "bins_px: .*found"),
        (np.zeros((3, 30, 30), np.uint8), {"bins_px": 3.0}, "bins_px: .*found"),
    ],
)
def test_wrong_input_is_named(images: Any, changes: dict[str, Any], found: str) -> None:
    with pytest.raises(ValueError, match=found):
        clone(SMALL).set_params(**changes).fit(images)


def test_fisher_vectors_have_unit_length_and_as_many_values_as_documented(
    mnist: Dataset,
) -> None:
    fisher = FisherVectors(**FEW, n_gaussians=4, n_components=16, random_state=0)
    rows = fisher.fit_transform(mnist.train.images[:60])
    assert rows.shape == (60, 2 * 4 * (16 + 2))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
