"""Saved models: the same scores to the bit, one line for everything that is wrong."""

import json
import os
import pickle
import struct
import sys
import zipfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from unittest.mock import Mock, patch

import numpy as np
import pytest
import safetensors.numpy

from tests.hostile import Canary, sealed
from tests.pipeline.saved_models import Change, fit_and_save, of_classes, resave
from tests.pipeline.small_methods import METHODS, N_TEST
from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.fingerprint import digest_array
from visbase.pipeline.models.card import data_fingerprint
from visbase.pipeline.models.file import load_model, save_model


def refusal(path: Path) -> str:
    """The one line that opening the file ends with."""
    with pytest.raises(BadInput) as caught:
        load_model(path)
    line = str(caught.value)
    assert "\n" not in line and str(path) in line
    return line


def write(path: Path, content: bytes) -> Path:
    path.unlink(missing_ok=True)  # some disks take 3 ms to write over a file
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("method", "labels"),
    # scikit-learn keeps a single row of weights for two classes
    [*product(METHODS, [range(10), (7,)]), ("linear", (2, 5))],
)
def test_opened_model_scores_as_the_fitted_one_to_the_bit(
    method: str, labels: Sequence[int], train: Split, mnist: Dataset, tmp_path: Path
) -> None:
    fitted = fit_and_save(method, of_classes(train, *labels), tmp_path / "model")
    model = load_model(str(tmp_path / "model"))
    test = mnist.test.images[:N_TEST]
    assert model.classes == ["abcdefghij"[label] for label in labels]
    assert np.array_equal(model.classifier.scores(test), fitted.scores(test))
    assert np.array_equal(model.classifier.predict(test), fitted.predict(test))
    assert model.classifier.n_parameters == fitted.n_parameters
    save_model(tmp_path / "again", model.classifier, model.card)
    again = load_model(tmp_path / "again").classifier
    assert np.array_equal(again.scores(test), fitted.scores(test))


def test_fingerprint_of_photographs_is_the_same_from_digests(train: Split) -> None:
    class Photographs(list[np.ndarray]):
        digests = tuple(map(digest_array, train.images[:5]))

    photographs = Photographs(train.images[:5])
    plain = Split(list(photographs), train.labels[:5], [])
    digested = Split(photographs, train.labels[:5], [])
    assert data_fingerprint(digested) == data_fingerprint(plain)


def test_network_without_torch_is_refused_and_others_are_opened(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = resave(saved, tmp_path / "m", lambda card, _: card.update(method="lenet5"))
    loaded = {n: m for n, m in sys.modules.items() if n.startswith("visbase.cnn.")}
    for name, module in loaded.items():  # a new import replaces it here, too
        package, _, own = name.rpartition(".")
        monkeypatch.setattr(sys.modules[package], own, module)
    for name in loaded:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    assert "lenet5 needs torch" in refusal(path)
    assert load_model(saved).method == "svm_rbf"


def test_pickle_is_refused_and_its_code_not_run(tmp_path: Path) -> None:
    sung = tmp_path / "sung"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        content = pickle.dumps(Canary(sung), protocol)
        line = refusal(write(tmp_path / "model.visbase", content))
        assert protocol < 2 or "a pickle" in line
    with zipfile.ZipFile(tmp_path / "model", "w") as archive:
        archive.writestr("data.pkl", content)
    assert "a zip file" in refusal(tmp_path / "model")
    assert not sung.exists()
    pickle.loads(content)
    assert sung.exists()  # the canary can sing


def test_what_is_no_model_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    write(tmp_path / "empty", b"")
    write(tmp_path / "picture", b"GIF89a" * 99)
    array = {"x": np.zeros(3)}
    write(tmp_path / "array", safetensors.numpy.save(array, {"format": "pt"}))
    keywords = {"none": "--save", ".": "folder", "pipe": "regular", "empty": "empty"}
    keywords |= {"picture": "not a visbase model", "array": "no model card"}
    for name, keyword in keywords.items():
        assert keyword in refusal(tmp_path / name)


def test_any_changed_or_missing_byte_is_noticed(train: Split, tmp_path: Path) -> None:
    fit_and_save("majority", train, tmp_path / "sound")
    content = (tmp_path / "sound").read_bytes()
    assert sealed(content) == content
    assert len(content) < 3000
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        refusal(write(tmp_path / "model", bytes(changed)))
        refusal(write(tmp_path / "model", content[:position]))
        if content[position : position + 1] == b" ":  # blanks between JSON's tokens
            changed[position] = ord("\t")
            refusal(write(tmp_path / "model", bytes(changed)))
    refusal(write(tmp_path / "model", content + b"\0"))


def test_absurd_header_length_is_refused_unread(saved: Path, tmp_path: Path) -> None:
    for length in (2**24 + 1, 2**64 - 1):
        content = struct.pack("<Q", length) + saved.read_bytes()[8:]
        path = write(tmp_path / "model", content)
        os.truncate(path, 2**36)  # sparse: no machine has the memory to read it
        assert "not a visbase model" in refusal(path)


def test_header_with_wrong_sizes_is_refused(saved: Path, tmp_path: Path) -> None:
    content, stops = saved.read_bytes(), (2**50, 3136, 8, 0)
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    shapes = ([2**40, 784], [1, 784], [-1, 784], [2**63, 2**63])
    for shape, stop in zip(shapes, stops, strict=True):
        header["support"] |= {"shape": shape, "data_offsets": [0, stop]}
        text = json.dumps(header, separators=(",", ":")).encode()
        lying = struct.pack("<Q", len(text)) + text + content[8 + length :]
        assert "checksum" in refusal(write(tmp_path / "model", lying))
        assert "safetensors" in refusal(write(tmp_path / "model", sealed(lying)))


def test_unavailable_device_is_reported_and_not_the_model(
    train: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit_and_save("lenet5", train, tmp_path / "model")
    monkeypatch.setenv("VISBASE_DEVICE", "abc")
    with pytest.raises(BadInput, match=r"^device 'abc'"):
        load_model(tmp_path / "model")


def test_unknown_method_imports_nothing(saved: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'sung')!r}, 'w')")
    for name in (str(evil), f"../..{evil}", "evil", "os", "bovw_grid.py", "__init__"):
        method = {"method": name}
        path = resave(saved, tmp_path / "m", lambda card, _, m=method: card.update(m))
        assert "unknown method" in refusal(path)
    assert not (tmp_path / "sung").exists()


@pytest.mark.parametrize(
    ("change", "keyword"),
    [
        (lambda card, _: card["config"].update(c="1"), "setting c"),
        (lambda card, _: card["config"].update(c=None), "setting c"),
        (lambda card, _: card["config"].update(multi_class="all"), "multi_class=all"),
        (lambda card, _: card["config"].update(multi_class="ovo"), "10 classes"),
        (lambda card, _: card["config"].update(unit_length=1), "setting unit_length"),
        (lambda card, _: card["config"].update(more=1), "'more' of svm_rbf"),
        (lambda card, _: card["config"].pop("gamma"), "'gamma' of svm_rbf"),
        (lambda card, _: card.update(image_size=[27, 28]), "svm_rbf"),
        (lambda _, a: a.pop("rows"), "'rows'"),
        (lambda _, a: a.update(more=a["rows"]), "'more'"),
        (lambda _, a: a.update(rows=a["rows"][1:]), "'rows'"),
        (lambda _, a: a.update(rows=a["rows"].astype(np.int32)), "int32"),
        (lambda _, a: a.update(support=a["support"].T), "array"),
        (lambda _, a: a.update(support=a["support"][:, 1:]), "svm_rbf"),
        (lambda _, a: a.update(classes=a["classes"][1:]), "do not fit 9 classes"),
        (lambda _, a: np.put(a["support"], 2000, np.nan), "NaN"),
    ],
)
def test_parts_that_disagree_are_refused(
    change: Change, keyword: str, saved: Path, tmp_path: Path
) -> None:
    assert keyword in refusal(resave(saved, tmp_path / "m", change))


@pytest.mark.parametrize("name", ["bovw_pyramid", "svm_virtual", "lenet5", "committee"])
def test_any_missing_shortened_or_nan_array_of_a_composite_is_refused(
    name: str, train: Split, tmp_path: Path
) -> None:
    fit_and_save(name, train, tmp_path / "sound")
    names = list(load_model(tmp_path / "sound").classifier.arrays())
    assert any("." in array for array in names)
    harms: list[Change] = [lambda _, a: a.update({"other.x": np.zeros(3)})]
    for array in names[:: max(1, len(names) // 8)]:
        harms += [
            lambda _, a, k=array: a.pop(k),
            lambda _, a, k=array: a.update({k: np.append(a[k], 0)}),
            lambda _, a, k=array: a.update({f"{k}x": a[k]}),
            lambda _, a, k=array: a.update({k: a[k] * np.float32(np.nan)}),
        ]
    for array in [array for array in names if "vocabulary" in array]:  # overflows
        harms.append(lambda _, a, k=array: a.update({k: np.full_like(a[k], 3e38)}))
    for harm in harms:
        refusal(resave(tmp_path / "sound", tmp_path / "m", harm))


@patch("os.replace", Mock(side_effect=OSError(28, "No space left on device")))
def test_interrupted_saving_leaves_the_old_model(saved: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "m", saved.read_bytes())
    model = load_model(path)
    with pytest.raises(OSError, match=f"No space left.*{path}"):
        save_model(path, model.classifier, model.card)
    assert path.read_bytes() == saved.read_bytes()
    assert list(tmp_path.iterdir()) == [path]
