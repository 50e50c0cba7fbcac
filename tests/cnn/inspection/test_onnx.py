"""Exported networks: onnxruntime answers as the network does."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.command_line import refusal, visbase
from tests.pipeline.saved_models import fit_and_save
from visbase.pipeline.datasets.splits import Dataset, Split, part
from visbase.pipeline.models.file import load_model

INSTALLED = all(
    importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")
)
needs_onnx = pytest.mark.skipif(
    not INSTALLED, reason="onnx, onnxscript or onnxruntime is not installed"
)
NETWORKS = ("lenet5", "convnet")  # convnet averages shifted views


@pytest.fixture(scope="module")
def train(mnist: Dataset) -> Split:
    return part(mnist.train, slice(0, 200))


@pytest.fixture(scope="module", autouse=True)
def own_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISBASE_ARTIFACTS", str(tmp_path_factory.mktemp("artifacts")))
        yield


@needs_onnx
@pytest.mark.parametrize("name", NETWORKS)
def test_onnxruntime_answers_as_the_network_does(
    name: str, train: Split, mnist: Dataset, tmp_path: Path
) -> None:
    import onnxruntime

    fit_and_save(name, train, tmp_path / "model")
    result = visbase("export", tmp_path / "model", "--out", tmp_path / "net.onnx")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert [path.name for path in tmp_path.iterdir() if "net" in path.name] == [
        "net.onnx"
    ]
    model = load_model(tmp_path / "model")
    session = onnxruntime.InferenceSession(
        tmp_path / "net.onnx", providers=["CPUExecutionProvider"]
    )
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
    assert about["method"] == name


@pytest.mark.parametrize("name", ["majority", "committee"])
def test_what_is_no_single_network_is_one_line(
    name: str, train: Split, tmp_path: Path
) -> None:
    fit_and_save(name, train, tmp_path / "model")
    line = refusal("export", tmp_path / "model", "--out", tmp_path / "net.onnx")
    assert f"visbase: {tmp_path / 'model'}: {name} " in line
    assert not (tmp_path / "net.onnx").exists()


def test_missing_onnx_is_one_line(
    train: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit_and_save("lenet5", train, tmp_path / "model")
    nothing = SimpleNamespace(find_spec=lambda name: None)
    monkeypatch.setattr(
        "visbase.cnn.inspection.onnx_export.importlib", SimpleNamespace(util=nothing)
    )
    line = refusal("export", tmp_path / "model", "--out", tmp_path / "net.onnx")
    assert "onnx, onnxscript" in line


@needs_onnx
def test_place_that_cannot_be_written_is_one_line(train: Split, tmp_path: Path) -> None:
    fit_and_save("lenet5", train, tmp_path / "model")
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "net.onnx"
    assert f"{out}: " in refusal("export", tmp_path / "model", "--out", out)
