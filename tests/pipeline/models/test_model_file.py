"""Saved models: the same scores to the bit, one line for everything that is wrong."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from tests.hostile import Canary, sealed
from tests.pipeline.saved_models import fit_and_save, of_classes, resave
from tests.pipeline.test_contract import METHODS, N_TEST, N_TRAIN
from visbase.pipeline.contracts import Arrays
from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.fingerprint import digest_array
from visbase.pipeline.models.card import data_fingerprint
from visbase.pipeline.models.file import check_place, load_model, save_model
from visbase.pipeline.models.methods import MethodFile, as_json
from visbase.pipeline.storage import ROOT


def refusal(path: Path) -> str:
    """The one line that opening the file ends with."""
    with pytest.raises(BadInput) as caught:
        load_model(path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    return line


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_opened_model_scores_as_the_fitted_one_to_the_bit(
    method: MethodFile, train: Split, mnist: Dataset, tmp_path: Path
) -> None:
    fitted = fit_and_save(method.name, train, tmp_path / "model")
    model = load_model(tmp_path / "model")
    test = mnist.test.images[:N_TEST]
    assert np.array_equal(model.classifier.scores(test), fitted.scores(test))
    assert np.array_equal(model.classifier.predict(test), fitted.predict(test))
    assert model.classifier.n_parameters == fitted.n_parameters
    save_model(tmp_path / "again", model.classifier, model.card)
    reopened = load_model(tmp_path / "again").classifier
    assert np.array_equal(reopened.scores(test), fitted.scores(test))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_model_of_a_single_class_can_be_opened(
    method: MethodFile, train: Split, mnist: Dataset, tmp_path: Path
) -> None:
    fit_and_save(method.name, of_classes(train, 7), tmp_path / "model")
    model = load_model(tmp_path / "model")
    assert model.classes == ["h"]
    assert model.classifier.predict(mnist.test.images[:3]).tolist() == [7] * 3


def test_classes_without_a_training_image_are_left_out(
    train: Split, mnist: Dataset, tmp_path: Path
) -> None:
    # scikit-learn keeps a single row of weights for two classes
    fitted = fit_and_save("linear", of_classes(train, 2, 5), tmp_path / "model")
    model = load_model(str(tmp_path / "model"))
    test = mnist.test.images[:N_TEST]
    assert model.classes == ["c", "f"]
    assert np.array_equal(model.classifier.scores(test), fitted.scores(test))


def test_card_says_what_the_model_is(saved: Path, train: Split) -> None:
    card = load_model(saved).card
    assert (card.format, card.method, card.dataset) == (1, "svm_rbf", "toy")
    assert (card.n_train, card.n_test, card.n_correct) == (N_TRAIN, N_TEST, 50)
    assert (card.classes, card.image_size) == (list("abcdefghij"), (28, 28))
    assert card.training_data_sha256 == data_fingerprint(train)
    assert (card.licence, card.commit) == ("CC0", "abc")
    assert card.config["multi_class"] == "ovr"


def test_fingerprint_of_photographs_is_the_same_from_their_digests(
    train: Split,
) -> None:
    class Photographs(list[np.ndarray]):
        digests: tuple[str, ...]

    photographs = Photographs(train.images[:5])
    plain = data_fingerprint(Split(list(photographs), train.labels[:5], []))
    photographs.digests = tuple(map(digest_array, photographs))
    assert data_fingerprint(Split(photographs, train.labels[:5], [])) == plain


def test_opening_needs_no_torch_where_the_method_needs_none(saved: Path) -> None:
    code = (
        "import sys; from pathlib import Path; "
        "from visbase.pipeline.models.file import load_model; "
        f"load_model(Path({str(saved)!r})); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.split() == ["False"], done.stderr


def test_network_without_torch_is_refused(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = resave(saved, tmp_path / "m", lambda card: card.update(method="lenet5"))
    for name in [n for n in sys.modules if n.startswith(("visbase.cnn.", "torch"))]:
        monkeypatch.delitem(sys.modules, name)

    class NoTorch:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "torch":
                raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(sys, "meta_path", [NoTorch(), *sys.meta_path])
    with pytest.raises(BadInput, match="lenet5 needs torch"):
        load_model(path)


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


def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    assert "--save" in refusal(tmp_path / "none")
    assert "folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "regular file" in refusal(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("content", "keyword"),
    [
        (b"", "empty"),
        (b"{", "not a visbase model"),
        (b"GIF89a" * 99, "not a visbase model"),
        (safetensors.numpy.save({"x": np.zeros(3)}), "no model card"),
        (safetensors.numpy.save({"x": np.zeros(3)}, {"format": "pt"}), "no model card"),
    ],
)
def test_other_content_is_refused(content: bytes, keyword: str, tmp_path: Path) -> None:
    assert keyword in refusal(write(tmp_path / "model", content))


def test_a_changed_or_missing_byte_is_noticed_wherever_it_is(
    train: Split, tmp_path: Path
) -> None:
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


@pytest.mark.parametrize("length", [2**24 + 1, 2**40, 2**63, 2**64 - 1])
def test_absurd_header_length_is_refused_without_reading(
    length: int, saved: Path, tmp_path: Path
) -> None:
    content = struct.pack("<Q", length) + saved.read_bytes()[8:]
    with open(tmp_path / "model", "wb") as file:
        file.write(content)
        file.truncate(2**36)  # sparse: no machine has the memory to read it
    assert "not a visbase model" in refusal(tmp_path / "model")


@pytest.mark.parametrize(
    ("shape", "offsets"),
    [
        ([2**40, 784], [0, 2**50]),
        ([1, 784], [0, 3136]),
        ([-1, 784], [0, 8]),
        ([2**63, 2**63], [0, 0]),
    ],
)
def test_header_with_wrong_sizes_is_refused(
    shape: list[int], offsets: list[int], saved: Path, tmp_path: Path
) -> None:
    content = saved.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["support"] |= {"shape": shape, "data_offsets": offsets}
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


def test_no_path_or_module_is_imported_for_an_unknown_method(
    saved: Path, tmp_path: Path
) -> None:
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'sung')!r}, 'w')")
    for name in (str(evil), f"../..{evil}", "evil", "os", "bovw_grid.py", "__init__"):
        path = resave(
            saved, tmp_path / "m", lambda card, name=name: card.update(method=name)
        )
        assert "no method" in refusal(path)
    assert not (tmp_path / "sung").exists()


@pytest.mark.parametrize(
    ("changes", "keyword"),
    [
        ({"c": "1"}, "setting c"),
        ({"c": -1.0}, "setting c"),
        ({"c": None}, "setting c"),
        ({"multi_class": "all"}, "multi_class=all"),
        ({"multi_class": "ovo"}, "do not fit 10 classes"),
        ({"unit_length": 1}, "setting unit_length"),
        ({"more": 1}, "'more' of svm_rbf"),
        ({"gamma": ...}, "'gamma' of svm_rbf"),  # left out
    ],
)
def test_config_with_wrong_settings_is_refused(
    changes: dict[str, Any], keyword: str, saved: Path, tmp_path: Path
) -> None:
    def change(card: dict[str, Any]) -> None:
        settings = card["config"] | changes
        card["config"] = {k: v for k, v in settings.items() if v is not ...}

    assert keyword in refusal(resave(saved, tmp_path / "m", change))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_config_from_json_is_the_config(method: MethodFile) -> None:
    for config in method.load().PRESETS.values():
        assert method.config_from_json(as_json(config)) == config


def test_size_other_than_the_fitted_one_is_refused(saved: Path, tmp_path: Path) -> None:
    def change(card: dict[str, Any]) -> None:
        card["image_size"] = [27, 28]

    assert "svm_rbf" in refusal(resave(saved, tmp_path / "m", change))


def set_nan(arrays: Arrays) -> None:
    arrays["support"] = arrays["support"].copy()
    arrays["support"][3, 5] = np.nan


@pytest.mark.parametrize(
    ("change", "keyword"),
    [
        (lambda a: a.pop("rows"), "'rows'"),
        (lambda a: a.update(more=a["rows"]), "'more'"),
        (lambda a: a.update(rows=a["rows"][1:]), "'rows'"),
        (lambda a: a.update(rows=a["rows"].astype(np.int32)), "int32"),
        (lambda a: a.update(support=a["support"].T), "array"),
        (lambda a: a.update(support=a["support"][:, 1:]), "svm_rbf"),
        (lambda a: a.update(classes=a["classes"][1:]), "do not fit 9 classes"),
        (set_nan, "NaN"),
    ],
)
def test_arrays_that_disagree_are_refused(
    change: Callable[[Arrays], object], keyword: str, saved: Path, tmp_path: Path
) -> None:
    assert keyword in refusal(resave(saved, tmp_path / "m", change_arrays=change))


@pytest.mark.parametrize("name", ["bovw_pyramid", "svm_virtual", "lenet5", "committee"])
def test_any_missing_shortened_or_nan_array_of_a_composite_is_refused(
    name: str, train: Split, tmp_path: Path
) -> None:
    fit_and_save(name, train, tmp_path / "sound")
    names = list(load_model(tmp_path / "sound").classifier.arrays())
    assert any("." in array for array in names)
    harms = [lambda a: a.update({"other.x": np.zeros(3)})]
    for array in names[:: max(1, len(names) // 8)]:
        harms += [
            lambda a, array=array: a.pop(array),
            lambda a, array=array: a.update({array: np.append(a[array], 0)}),
            lambda a, array=array: a.update({f"{array}x": a[array]}),
            lambda a, array=array: a.update(
                {array: np.full_like(a[array], np.nan, float)}
            ),
        ]
    for harm in harms:
        refusal(resave(tmp_path / "sound", tmp_path / "m", change_arrays=harm))


def test_words_whose_distances_overflow_are_refused(
    train: Split, tmp_path: Path
) -> None:
    fit_and_save("bovw_pyramid", train, tmp_path / "sound")

    def harm(arrays: Arrays) -> None:
        for name in arrays:
            if "vocabulary" in name:
                arrays[name] = np.full_like(arrays[name], 3e38)

    line = refusal(resave(tmp_path / "sound", tmp_path / "m", change_arrays=harm))
    assert "finite scores" in line


def test_place_that_cannot_be_written_is_refused_before_a_run(tmp_path: Path) -> None:
    check_place(tmp_path / "new" / "model")
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "model"):
        with pytest.raises(BadInput, match="cannot be written"):
            check_place(place)


def test_interrupted_saving_leaves_the_old_model(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "m", saved.read_bytes())
    model = load_model(path)

    def stop(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", stop)
    with pytest.raises(OSError, match="No space left") as full:
        save_model(path, model.classifier, model.card)
    assert full.value.filename == str(path)
    assert path.read_bytes() == saved.read_bytes()
    assert list(tmp_path.iterdir()) == [path]
