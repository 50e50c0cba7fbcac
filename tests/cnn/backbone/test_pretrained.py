"""`pretrained` as a method: offline, exact, saved, explained, exported."""

from __future__ import annotations

import dataclasses
import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from tests.command_line import fresh_python
from tests.pipeline.saved_models import resave
from visbase.cnn import pretrained
from visbase.cnn.backbone.frozen import FrozenBackbone
from visbase.pipeline.datasets.folder import load_folder
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.run import run_method
from visbase.pipeline.models.file import load_model, save_model
from visbase.pipeline.models.methods import find_method
from visbase.reports.compare import compare, to_markdown
from visbase.reports.measures import Runs

CONFIG = pretrained.Config(size_px=64)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Six red and six blue photographs of noise, of several sizes, three to test."""
    root, dice = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for channel, name in ((0, "red"), (2, "blue")):
        (root / name).mkdir()
        for i in range(6):
            pixels = dice.integers(0, 120, (50 + i, 70, 3), np.uint8)
            pixels[..., channel] += 100
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return load_folder(root, train_per_class=3)


@pytest.fixture(scope="module", autouse=True)
def own_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("artifacts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISBASE_ARTIFACTS", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def own_folders(own_artifacts: Path) -> None:
    """Keeps the folder of this module instead of one per test."""


@pytest.fixture(scope="module")
def fitted(photographs: Dataset) -> FrozenBackbone:
    return fit(photographs)


def fit(photographs: Dataset, **changes: object) -> FrozenBackbone:
    model = pretrained.build(dataclasses.replace(CONFIG, **changes), 0)  # type: ignore[arg-type]
    model.fit(photographs.train.images, photographs.train.labels)
    return model


def test_networks_with_the_same_weights_keep_features_of_their_own(
    fitted: FrozenBackbone, photographs: Dataset, tmp_path: Path
) -> None:
    weights = {
        name: torch.from_numpy(values).contiguous()
        for name, values in fitted.backbone_.arrays.items()
    }
    save_file(weights, tmp_path / "weights.safetensors")
    # which pads symmetrically
    changes = {
        "backbone": "efficientnet_lite0",
        "weights": str(tmp_path / "weights.safetensors"),
    }
    other = fit(photographs, **changes)
    images = photographs.train.images
    assert not np.allclose(other.features(images), fitted.features(images), atol=0.1)


@pytest.fixture(scope="module")
def image(photographs: Dataset) -> NDArray[np.uint8]:
    return np.asarray(photographs.test.images[0])


def test_it_learns_and_predicts_with_the_network_unplugged(
    photographs: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unplugged = Mock(side_effect=OSError("the network is unplugged"))
    monkeypatch.setattr(socket, "socket", unplugged)
    monkeypatch.setattr(socket, "getaddrinfo", unplugged)
    monkeypatch.setenv("VISBASE_ARTIFACTS", str(tmp_path))  # nothing is cached
    model = fit(photographs)
    labels = model.predict(photographs.test.images)
    assert labels.tolist() == photographs.test.labels.tolist()
    unplugged.assert_not_called()


def test_features_depend_on_the_image_alone_and_threads_are_put_back(
    fitted: FrozenBackbone, photographs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [np.asarray(image) for image in photographs.test.images]
    n_threads = torch.get_num_threads()
    together = fitted.scores(images)
    assert torch.get_num_threads() == n_threads
    monkeypatch.setenv("VISBASE_JOBS", "1")
    alone = np.concatenate([fitted.features([image]) for image in images])
    assert np.array_equal(alone, fitted.features(images))
    assert np.array_equal(fitted.scores(photographs.test.images), together)


def test_mirror_image_has_the_same_scores(
    fitted: FrozenBackbone, image: NDArray[np.uint8]
) -> None:
    both = fitted.scores([image, image[:, ::-1]])
    assert np.abs(both[0] - both[1]).max() < 1e-5


def test_grey_image_is_taken_as_three_equal_channels(fitted: FrozenBackbone) -> None:
    grey = np.arange(60 * 50, dtype=np.uint8).reshape(60, 50)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    assert np.array_equal(fitted.scores([grey]), fitted.scores([rgb]))


def test_evidence_of_all_places_is_the_difference_of_the_decisions(
    fitted: FrozenBackbone, image: NDArray[np.uint8]
) -> None:
    seen, evidence = fitted.explain(image)
    assert np.array_equal(seen, image)
    assert evidence.contribution.shape == (24,)  # maps of 2 x 2, 2 x 2 and 4 x 4
    score, bias = fitted.scores([image])[0], fitted.intercepts_
    winner, other = evidence.winner, evidence.runner_up
    expected = (score - bias)[winner] - (score - bias)[other]
    assert evidence.contribution.sum() == pytest.approx(expected, rel=1e-5)
    assert winner == score.argmax()


def test_evidence_of_the_mirror_image_is_mirrored(
    fitted: FrozenBackbone, image: NDArray[np.uint8]
) -> None:
    one, other = (fitted.explain(i)[1] for i in (image, image[:, ::-1]))
    for start, side in ((0, 2), (4, 2), (8, 4)):
        rows = slice(start, start + side * side)
        values = one.contribution[rows].reshape(side, side)
        mirrored = other.contribution[rows].reshape(side, side)
        assert mirrored[:, ::-1] == pytest.approx(values, rel=1e-3, abs=1)


def save(model: FrozenBackbone, photographs: Dataset, path: Path) -> Path:
    """Save a model as a run does, with the facts of its record."""
    method, config = find_method("pretrained"), dataclasses.replace(CONFIG)
    config = dataclasses.replace(config, keep_backbone=model.keep_backbone)
    config = dataclasses.replace(config, weights=model.weights)

    def keep(fitted: object, record: object, train: object) -> None:
        import msgspec

        from visbase.pipeline.models.card import make_card

        facts = msgspec.structs.asdict(record)  # type: ignore[arg-type]
        card = make_card(facts, photographs.train, photographs, True, "CC0")
        save_model(path, fitted, card)  # type: ignore[arg-type]

    run_method(method, config, "full", 0, photographs, keep)
    return path


@pytest.mark.parametrize("keep_backbone", [True, False])
def test_opened_model_has_the_same_scores_to_the_bit_and_names_its_weights(
    keep_backbone: bool,
    fitted: FrozenBackbone,
    photographs: Dataset,
    tmp_path: Path,
) -> None:
    model = pretrained.build(
        dataclasses.replace(CONFIG, keep_backbone=keep_backbone), 0
    )
    path = save(model, photographs, tmp_path / "m")
    assert (path.stat().st_size > 10**7) is keep_backbone
    opened = load_model(path)
    images = photographs.test.images
    assert np.array_equal(opened.classifier.scores(images), fitted.scores(images))
    assert opened.card.pretrained == fitted.pretrained
    assert opened.card.pretrained["trained_on"].startswith("1.3 million photographs")


def test_model_without_its_backbone_needs_the_same_weights(
    fitted: FrozenBackbone, photographs: Dataset, tmp_path: Path
) -> None:
    model = pretrained.build(dataclasses.replace(CONFIG, keep_backbone=False), 0)
    path = save(model, photographs, tmp_path / "m")
    other = resave(
        path,
        tmp_path / "o",
        lambda _, a: a.update({"backbone.sha256": np.zeros(32, np.uint8)}),
    )
    with pytest.raises(BadInput, match="other weights than the model was fitted with"):
        load_model(other)
    gone = resave(
        path, tmp_path / "g", lambda card, _: card["config"].update(weights="/gone")
    )
    with pytest.raises(BadInput, match="/gone: no such file"):
        load_model(gone)


@pytest.mark.slow
def test_harmed_models_are_one_line(
    fitted: FrozenBackbone, photographs: Dataset, tmp_path: Path
) -> None:
    path = save(fitted, photographs, tmp_path / "m")
    stem, normals = "backbone.conv_stem.weight", "head.weights"
    harms = {
        "timm has no": lambda card, _: card["config"].update(backbone="hf-hub:a/b"),
        "not a sound model": lambda card, _: card["config"].update(
            backbone="vit_giant_patch14_224"
        ),
        "at most 1024": lambda card, _: card["config"].update(size_px=10**9),
        "expected float32": lambda _, a: a.update({stem: a[stem][:1]}),
        "NaN": lambda _, a: a.update({stem: a[stem] * np.float32(np.nan)}),
        "vectors of length 1712": lambda _, a: a.update({normals: a[normals][1:]}),
        "'more' is not one": lambda _, a: a.update({"head.more": a[normals]}),
    }
    for keyword, harm in harms.items():
        with pytest.raises(BadInput) as refused:
            load_model(resave(path, tmp_path / "harmed", harm))
        line = str(refused.value)
        assert keyword in line
        assert "\n" not in line


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("onnx", "onnxscript", "onnxruntime"))),
    reason="onnx, onnxscript or onnxruntime is not installed",
)
@pytest.mark.slow
def test_onnxruntime_answers_as_backbone_and_svm_do(
    fitted: FrozenBackbone, photographs: Dataset, tmp_path: Path
) -> None:
    import onnxruntime

    fitted.export_onnx(tmp_path / "m.onnx", {"method": "pretrained"})
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    images = list(photographs.test.images)
    squares = np.stack([fitted.resize(image) for image in images])
    (found,) = session.run(None, {"images": squares.transpose(0, 3, 1, 2)})
    assert np.abs(found - fitted.scores(images)).max() < 1e-4 * np.abs(found).max()


def test_its_row_is_set_apart_in_a_table(photographs: Dataset, tmp_path: Path) -> None:
    runs = []
    for name in ("pretrained", "majority"):
        method = find_method(name)
        config = CONFIG if name == "pretrained" else method.configure("full", [])
        record, _ = run_method(method, config, "full", 0, photographs)
        truth = photographs.test.labels
        runs.append(Runs((record,), (np.stack([truth, truth]),), ({},)))
    rows = compare(runs)
    assert [row.method for row in rows] == ["majority", "pretrained"]
    lines = to_markdown(rows, runs, photographs.name).splitlines()
    assert "`majority`" in lines[2]
    assert lines[3].startswith("| **trained on other images as well** |")
    assert "`pretrained`" in lines[4]


@pytest.mark.slow
def test_missing_timm_is_one_line() -> None:
    load = """
import sys
sys.modules["timm"] = None  # as if it were not installed
from visbase.pipeline.models.methods import BadInput, find_method
try:
    find_method("pretrained").load()
except BadInput as error:
    print(error)
"""
    (line,) = fresh_python("-c", load).splitlines()
    assert "pretrained needs timm" in line
    assert "[pretrained]" in line
