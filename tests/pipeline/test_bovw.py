"""The joined path: recalled stages, copies near a margin, images without keypoints."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from visbase.pipeline import bovw
from visbase.pipeline.bovw import BovwSVM
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.descriptors.colour import LocalColour
from visbase.pipeline.descriptors.dense_sift import DenseSift
from visbase.pipeline.descriptors.detected_sift import DetectedSift
from visbase.pipeline.descriptors.multiscale_sift import MultiscaleDenseSift
from visbase.pipeline.encoding.fisher import Fisher
from visbase.pipeline.encoding.histograms import Histograms
from visbase.pipeline.encoding.vlad import Vlad
from visbase.pipeline.errors import BadInput
from visbase.pipeline.svm.kernel import Kernel, KernelSVM
from visbase.pipeline.svm.near_margin import KEPT_MARGIN

pytestmark = pytest.mark.usefixtures("fresh_folders")
WORDS = Histograms(30, 2000, levels=(1, 2), n_nearest=3)
PLAIN = BovwSVM((DenseSift(3, 4, 2),), WORDS, Kernel("rbf", 1.0), c=3.0, seed=0)
SMALL = replace(PLAIN, n_components=40, deskewed=True, copies=2)


def fitted(model: BovwSVM, mnist: Dataset, n: int = 300) -> BovwSVM:
    model = replace(model)
    model.fit(mnist.train.images[:n], mnist.train.labels[:n])
    return model


@patch.object(bovw, "WORTH_KEEPING", 1)
def test_no_score_depends_on_the_cache(mnist: Dataset, fresh_folders: Path) -> None:
    cache, test = fresh_folders / "artifacts" / "cache", mnist.test.images[:100]
    cold = fitted(SMALL, mnist).scores(test)
    entries = sorted(cache.iterdir())
    stages = {entry.name.partition("-")[0] for entry in entries}
    assert stages == {"vocabulary", "projection40", "features", "svm"}
    np.testing.assert_array_equal(fitted(SMALL, mnist).scores(test), cold)
    assert sorted(cache.iterdir()) == entries
    shutil.rmtree(cache.parent)
    np.testing.assert_array_equal(fitted(SMALL, mnist).scores(test), cold)


def test_only_copies_near_a_margin_join_the_second_fit(mnist: Dataset) -> None:
    fits, original = [], bovw.fit_svm_cached

    def spy(features: np.ndarray, labels: np.ndarray, *rest: object) -> KernelSVM:
        fits.append((features, labels, original(features, labels, *rest)))
        return fits[-1][2]

    with patch.object(bovw, "fit_svm_cached", spy):
        fitted(SMALL, mnist)
    (plain, labels, first), (more, truth, _) = fits
    np.testing.assert_array_equal(more[: len(plain)], plain)
    np.testing.assert_array_equal(truth[: len(plain)], labels)
    copies, of = more[len(plain) :], truth[len(plain) :]
    assert 0 < len(copies) <= 2 * len(plain)
    assert (first.margins(copies, of) < KEPT_MARGIN).all()


def test_images_without_keypoints_are_counted_in_training_and_test(
    mnist: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    model = BovwSVM((DetectedSift(2.0),), Histograms(20, 500), Kernel("rbf"), 1.0, 0)
    images = mnist.train.images[:60].copy()
    images[:7] = 0
    model.fit(images, mnist.train.labels[:60])
    assert "7 of 60 images" in capsys.readouterr().err
    model.predict(images[:9])
    assert "7 of 9 images" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change", [{"n_nearest": 0}, {"levels": (0,)}, {"levels": ()}, {"softness": 0.0}]
)
def test_encoding_that_would_count_nothing_is_bad_input(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=rf"{next(iter(change))}=.*expected"):
        Histograms(**change)


@pytest.mark.parametrize("encoder", [WORDS, Fisher(30), Vlad(30)], ids=str)
@pytest.mark.parametrize(
    ("bin_px", "n_samples", "refusal"),
    [
        (28, 30, None),
        (28.5, 30, r"dense SIFT.* 28\.5 px is wider than the largest .* 28 px"),
        (28, 29, "^n_samples=29: expected at least one sample per word .* 30$"),
    ],
)
def test_bins_fit_into_the_largest_image_and_each_word_has_a_sample(
    encoder: Any, bin_px: float, n_samples: int, refusal: str | None
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 28, 28), np.uint8)
    photographs = [images[0, :20, :10], *images]
    descriptors = (DenseSift(3, 4, 2), DenseSift(bin_px, 4, 2))
    learning = replace(encoder, n_samples=n_samples)
    if refusal is None:
        assert learning.learn(photographs, descriptors, 0)
        return
    with pytest.raises(BadInput, match=refusal):
        learning.learn(photographs, descriptors, 0)


@pytest.mark.parametrize("kernel", [Kernel("linear"), Kernel("poly"), Kernel("rbf")])
@pytest.mark.parametrize(("multi_class", "n_machines"), [("ovo", 45), ("ovr", 10)])
def test_every_kernel_works_one_vs_one_and_one_vs_rest(
    kernel: Kernel, multi_class: str, n_machines: int, mnist: Dataset
) -> None:
    wanted = replace(SMALL, kernel=kernel, multi_class=multi_class, copies=1)
    model, restored = fitted(wanted, mnist), replace(wanted)
    assert model.svm_.decisions(np.zeros((1, 40), np.float32)).shape == (1, n_machines)
    images, labels = mnist.test.images[:200], mnist.test.labels[:200]
    assert np.mean(model.predict(images) != labels) < 0.3
    restored.restore(model.arrays())
    np.testing.assert_array_equal(model.scores(images), restored.scores(images))


def blobs(colour: bool, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """40 pictures of one texture; odd ones are red, even ones green, or all grey."""
    rng, labels = np.random.default_rng(seed), np.arange(40) % 2
    grey = [
        np.repeat(rng.integers(60, 200, (30, 34, 1), np.uint8), 3, 2) for _ in labels
    ]
    tints = np.array([[0, 50, 0], [50, 0, 0]], np.uint8) * np.uint8(colour)
    return [
        image + tints[label] for image, label in zip(grey, labels, strict=True)
    ], labels


@patch.object(bovw, "WORTH_KEEPING", 1)
def test_weighted_features_are_the_models_own_and_computed_once() -> None:
    grids = (MultiscaleDenseSift((2.0,), 6, 6), LocalColour((2.0,), 6, 6))
    model = replace(
        PLAIN, descriptors=grids, encoder=Fisher(4, 500, 8), kernel=Kernel("linear")
    )
    images, labels = blobs(colour=True, seed=0)
    model.fit(images, labels)
    own = model.bag_.vectors(images)
    with patch.object(bovw, "map_blocks", side_effect=AssertionError("computed again")):
        np.testing.assert_array_equal(model.features(images), own)
        weights = model.bag_.weights
        model.fit(images, labels)
    np.testing.assert_array_equal(model.bag_.weights, weights)


def test_svm_gets_contiguous_rows_when_a_part_is_left_out() -> None:
    grids = (MultiscaleDenseSift((2.0,), 6, 6), LocalColour((2.0,), 6, 6))
    model = replace(
        PLAIN, descriptors=grids, encoder=Fisher(4, 500, 8), kernel=Kernel("linear")
    )
    with patch.object(bovw, "fit_svm_cached", wraps=bovw.fit_svm_cached) as fit:
        model.fit(*blobs(colour=False, seed=0))
    features = fit.call_args.args[0]
    assert features.shape[1] == model.bag_.parts[0]  # without those of colour
    assert features.flags.c_contiguous  # else every value is a cache miss


@pytest.mark.parametrize("colour", [True, False])
def test_colour_counts_where_the_training_images_have_it_and_it_helps(
    colour: bool,
) -> None:
    grids = (MultiscaleDenseSift((2.0,), 6, 6), LocalColour((2.0,), 6, 6))
    model = replace(
        PLAIN, descriptors=grids, encoder=Fisher(4, 500, 8), kernel=Kernel("linear")
    )
    images, labels = blobs(colour, seed=0)
    model.fit(images, labels)
    sift, of_colour = model.bag_.parts
    assert (sift > 0, of_colour > 0) == (True, colour)
    test, truth = blobs(colour, seed=1)
    if colour:
        assert (model.predict(test) == truth).mean() > 0.95
    again = replace(model)
    again.restore(model.arrays())
    np.testing.assert_array_equal(again.scores(test), model.scores(test))
    image, evidence = model.explain(test[0])  # one pair of classes, one machine
    decision = model.svm_.decisions(model.bag_.vectors([image]))[0, 0]
    expected = abs(decision - model.svm_.intercepts[0])
    assert abs(evidence.contribution.sum()) == pytest.approx(expected, abs=1e-4)
