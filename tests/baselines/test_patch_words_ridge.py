"""The method of patch words: what it learns, how it chooses, what it refuses."""

import dataclasses

import numpy as np
import pytest

from visbase.baselines import patch_words
from visbase.baselines.patch_words import Config, PatchWordsRidge, build
from visbase.pipeline.errors import BadInput

SMALL = Config(n_words=12, n_samples=500)


def test_learning_curve_chooses_among_larger_penalties_and_fewer_words() -> None:
    for n_train, n_words in ((100, 400), (10_000, 1000), (45_000, 3400)):
        changes = patch_words.candidates(n_train, Config())
        configs = [dataclasses.replace(Config(), **change) for change in changes]
        assert {config.n_words for config in configs} == {n_words}
        assert [config.penalties[-1] for config in configs] == [0.1, 0.3, 1.0]


def bars(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise with lying or standing bars, 12 x 12, in one of two colours: 4 classes."""
    images = np.random.default_rng(n).integers(0, 60, (n, 12, 12, 3), np.uint8)
    images[::2, 4:7] += np.uint8(60)
    images[1::2, :, 4:7] += np.uint8(60)
    labels = np.arange(n) % 4
    images[labels < 2, :, :, 0] += np.uint8(100)
    images[::4, 4:7, :, 2] += np.uint8(60)
    images[2::4, 4:7, :, 1] += np.uint8(60)
    return images, labels


@pytest.fixture(scope="module")
def fitted() -> PatchWordsRidge:
    model = build(SMALL, seed=0)
    model.fit(*bars(200))
    return model


def test_directions_and_colours_are_told_apart(fitted: PatchWordsRidge) -> None:
    images, labels = bars(100)
    assert (fitted.predict(images) == labels).mean() > 0.95
    assert (fitted.predict(images[:, :, ::-1]) == labels).mean() > 0.95


def test_penalty_is_the_best_for_held_out_images() -> None:
    weights: dict[tuple[float, ...], np.ndarray] = {}
    for penalties in ((0.01,), (1e6,), (1e6, 0.01)):
        model = build(dataclasses.replace(SMALL, penalties=penalties), seed=0)
        model.fit(*bars(200))
        weights[penalties] = model.weights_
    assert np.array_equal(weights[1e6, 0.01], weights[0.01,])
    assert not np.allclose(weights[1e6,], weights[0.01,])


def test_size_of_a_chunk_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, fitted: PatchWordsRidge
) -> None:
    monkeypatch.setattr(patch_words, "CHUNK", 37)
    model = build(SMALL, seed=0)
    model.fit(*bars(200))
    np.testing.assert_allclose(model.weights_, fitted.weights_, atol=1e-4)


def test_restored_model_gives_the_same_scores(fitted: PatchWordsRidge) -> None:
    images, _ = bars(30)
    model = build(SMALL, seed=1)
    model.restore(fitted.arrays())
    assert np.array_equal(model.scores(images), fitted.scores(images))


@pytest.mark.parametrize("name", ["words", "mean", "weights"])
def test_arrays_that_do_not_fit_together_are_refused(
    fitted: PatchWordsRidge, name: str
) -> None:
    arrays = fitted.arrays()
    with pytest.raises(BadInput, match=r"array '(mean|weights|whitening)'"):
        build(SMALL, 0).restore(arrays | {name: arrays[name][1:]})


def test_settings_without_a_penalty_are_refused() -> None:
    with pytest.raises(BadInput, match=r"penalties=.*at least one"):
        build(dataclasses.replace(SMALL, penalties=()), seed=0)
