"""Exported networks: onnxruntime answers as the network does."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.command_line import refusal, visbase
from tests.pipeline.saved_models import fit_and_save
from visbase.cnn import resnet
from visbase.pipeline.datasets.splits import Dataset, Split, part
from visbase.pipeline.models.calibration import uncalibrated
from visbase.pipeline.models.file import load_model, save_model

NEEDED = ("onnx", "onnxscript", "onnxruntime")
needs_onnx = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, NEEDED)), reason=f"needs {', '.join(NEEDED)}"
)


@pytest.fixture(scope="module")
def train(mnist: Dataset) -> Split:
    return part(mnist.train, slice(0, 200))


@pytest.mark.slow
@needs_onnx
@pytest.mark.parametrize("name", ["lenet5", "convnet"])  # which averages shifted views
def test_onnxruntime_answers_as_the_network_does(
    name: str, train: Split, mnist: Dataset, tmp_path: Path
) -> None:
    import onnxruntime

    fit_and_save(name, train, tmp_path / "model")
    model = load_model(tmp_path / "model")
    save_model(tmp_path / "model", model.classifier, model.card, uncalibrated(1.25))
    result = visbase("export", tmp_path / "model", "--out", tmp_path / "net.onnx")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert list(tmp_path.glob("*net*")) == [tmp_path / "net.onnx"]
    cpu = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=cpu)
    (given,), (answer,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type) == ("images", "tensor(uint8)")
    assert given.shape == ["n", 1, 28, 28]
    assert answer.name == "log_probabilities"
    for n in (1, 2, 300):  # any batch
        test = mnist.test.images[:n]
        (found,) = session.run(None, {"images": test[:, None]})
        expected = model.classifier.scores(test)
        assert np.abs(found - expected).max() < 1e-4
        assert np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))
        assert np.exp(found).sum(axis=1) == pytest.approx(1, abs=1e-4)
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"]) == list("abcdefghij")
    assert (about["method"], about["temperature"]) == (name, "1.25")


@pytest.mark.slow
@needs_onnx
def test_exported_network_for_photographs_takes_colour_and_averages_the_mirror_image(
    tmp_path: Path,
) -> None:
    import onnxruntime

    images = np.random.default_rng(0).integers(0, 256, (6, 50, 60, 3), np.uint8)
    full = resnet.PHOTOGRAPHS["full"]
    small = replace(full, epochs=1, epochs_for=0, width=2, square_px=40, crop_px=32)
    model = resnet.build(small, 0)
    model.fit(list(images), np.arange(6) % 3)
    model.export_onnx(tmp_path / "net.onnx", {})
    session = onnxruntime.InferenceSession(
        tmp_path / "net.onnx", providers=["CPUExecutionProvider"]
    )
    assert session.get_inputs()[0].shape == ["n", 3, 40, 40]
    seen = np.stack([model.resize(image) for image in images]).transpose(0, 3, 1, 2)
    (found,) = session.run(None, {"images": seen})
    assert np.abs(found - model.scores(images)).max() < 1e-4
    mirrored = model.scores(images[:, :, ::-1].copy())
    np.testing.assert_allclose(mirrored, model.scores(images), atol=1e-4)


@pytest.mark.parametrize("name", ["majority", "committee"])
def test_other_methods_are_one_line(name: str, train: Split, tmp_path: Path) -> None:
    model, out = tmp_path / "model", tmp_path / "net.onnx"
    fit_and_save(name, train, model)
    assert f"visbase: {model}: {name} " in refusal("export", model, "--out", out)
    assert not out.exists()


def test_missing_onnx_and_place_that_cannot_be_written_are_one_line(
    train: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, out = tmp_path / "model", tmp_path / "file" / "net.onnx"
    fit_and_save("lenet5", train, model)
    out.parent.touch()
    if all(map(importlib.util.find_spec, NEEDED)):
        assert f"{out}: " in refusal("export", model, "--out", out)
    nothing = SimpleNamespace(util=SimpleNamespace(find_spec=lambda name: None))
    monkeypatch.setattr("visbase.cnn.inspection.onnx_export.importlib", nothing)
    assert "onnx, onnxscript" in refusal("export", model, "--out", out)
