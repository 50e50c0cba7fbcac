"""Saved models: the same scores to the bit, one line for everything that is wrong."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from tests.hostile import Canary, sealed
from tests.pipeline.test_contract import (
    METHODS,
    N_TEST,
    N_TRAIN,
    build_small,
    small_config,
)
from visbase.pipeline.contracts import Arrays, Method
from visbase.pipeline.datasets.splits import Dataset, Split
from visbase.pipeline.errors import BadInput
from visbase.pipeline.experiments.records import Record
from visbase.pipeline.images.fingerprint import digest_array
from visbase.pipeline.models.card import FORMAT, data_fingerprint, make_card
from visbase.pipeline.models.file import check_place, load_model, save_model
from visbase.pipeline.models.methods import MethodFile, find_method
from visbase.pipeline.storage import ROOT
from visbase.pipeline.svm.kernel import Kernel
from visbase.pipeline.svm.pixel import PixelSVM


def record_of(method: str, config: Any, seed: int = 0) -> Record:
    return Record(
        method=method,
        summary="a summary",
        family="a family",
        dataset="toy",
        preset="quick",
        seed=seed,
        config=dataclasses.asdict(config),
        n_train=N_TRAIN,
        n_test=N_TEST,
        n_correct=50,
        fit_s=1.0,
        predict_s=1.0,
        peak_rss_mb=1.0,
        n_parameters=1,
        device="cpu",
        cpu="a processor",
        n_cores=1,
        versions={"python": "3"},
        commit="abc",
        dirty=False,
        started="2026-01-01T00:00:00+00:00",
    )


def fit_and_save(name: str, train: Split, path: Path) -> Method:
    """A method fitted with few, quick settings, and saved."""
    method = find_method(name)
    classifier, config = build_small(method), small_config(method)
    classifier.fit(train.images, train.labels)
    toy = Dataset("toy", train, train, tuple("abcdefghij"), "objects", 1)
    card = make_card(vars(record_of(name, config)), train, toy, False, "CC0")
    save_model(path, classifier, card)
    return classifier


@pytest.fixture(scope="module")
def train(mnist: Dataset) -> Split:
    few = slice(0, N_TRAIN)
    return Split(mnist.train.images[few], mnist.train.labels[few], [""] * N_TRAIN)


@pytest.fixture(scope="module", autouse=True)
def own_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISBASE_ARTIFACTS", str(tmp_path_factory.mktemp("artifacts")))
        yield


@pytest.fixture(scope="module")
def saved(train: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound model of a method that needs little, for tests that break a copy."""
    path = tmp_path_factory.mktemp("saved") / "svm.visbase"
    fit_and_save("svm_rbf", train, path)
    return path


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


def resave(
    saved: Path,
    path: Path,
    change_card: Callable[[dict[str, Any]], object] = lambda card: None,
    change_arrays: Callable[[Arrays], object] = lambda arrays: None,
) -> Path:
    """A copy with changes and a right checksum, as an attacker would write it."""
    model = load_model(saved)
    arrays, card = model.classifier.arrays(), model.card
    change_card(card)
    change_arrays(arrays)

    class Changed:
        def arrays(self) -> Arrays:
            return arrays

    save_model(path, Changed(), card)  # type: ignore[arg-type]
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
    again = model.classifier.arrays()
    assert again.keys() == fitted.arrays().keys()
    save_model(tmp_path / "again", model.classifier, model.card)
    reopened = load_model(tmp_path / "again").classifier
    assert np.array_equal(reopened.scores(test), fitted.scores(test))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_model_of_a_single_class_can_be_opened(
    method: MethodFile, train: Split, mnist: Dataset, tmp_path: Path
) -> None:
    own = np.flatnonzero(train.labels == 7)
    sevens = Split(train.images[own], train.labels[own], [""] * len(own))
    fit_and_save(method.name, sevens, tmp_path / "model")
    model = load_model(tmp_path / "model")
    assert model.card["classes"] == ["h"]
    assert model.classifier.predict(mnist.test.images[:3]).tolist() == [7] * 3


def test_two_classes_of_the_linear_classifier_come_back_to_the_bit(
    train: Split, mnist: Dataset, tmp_path: Path
) -> None:
    own = np.flatnonzero(train.labels < 2)
    two = Split(train.images[own], train.labels[own], [""] * len(own))
    fitted = fit_and_save("linear", two, tmp_path / "model")
    opened = load_model(tmp_path / "model").classifier
    test = mnist.test.images[:N_TEST]
    assert np.array_equal(opened.scores(test), fitted.scores(test))


def test_card_says_what_the_model_is(saved: Path, train: Split) -> None:
    model = load_model(saved)
    assert model.method == "svm_rbf"
    expected = {
        "format": FORMAT,
        "method": "svm_rbf",
        "dataset": "toy",
        "classes": list("abcdefghij"),
        "image_size": [28, 28],
        "training_data_sha256": data_fingerprint(train),
        "n_train": N_TRAIN,
        "n_test": N_TEST,
        "n_correct": 50,
        "licence": "CC0",
        "commit": "abc",
    }
    assert {name: model.card[name] for name in expected} == expected
    assert model.card["config"]["multi_class"] == "ovr"


def test_classes_that_had_no_training_image_have_no_name(
    train: Split, tmp_path: Path
) -> None:
    own = np.flatnonzero(np.isin(train.labels, (2, 5)))
    fit_and_save(
        "majority", Split(train.images[own], train.labels[own], []), tmp_path / "model"
    )
    assert load_model(tmp_path / "model").card["classes"] == ["c", "f"]


def test_fingerprint_sees_every_pixel_and_label(train: Split) -> None:
    images, labels = train.images.copy(), train.labels.copy()  # type: ignore[union-attr]
    before = data_fingerprint(Split(images, labels, []))
    images[7, 3, 4] += 1
    changed = data_fingerprint(Split(images, labels, []))
    labels[9] += 1
    assert len({before, changed, data_fingerprint(Split(images, labels, []))}) == 3


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


def test_network_without_torch_is_told(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = resave(saved, tmp_path / "m", lambda card: card.update(method="lenet5"))
    for name in [n for n in sys.modules if n.startswith(("visbase.cnn.", "torch"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)

    class NoTorch:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "torch":
                raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(sys, "meta_path", [NoTorch(), *sys.meta_path])
    with pytest.raises(BadInput, match="lenet5 needs torch, which is not installed"):
        load_model(path)


def test_pickle_is_refused_and_its_code_not_run(tmp_path: Path) -> None:
    sung = tmp_path / "sung"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        content = pickle.dumps(Canary(sung), protocol)
        line = refusal(write(tmp_path / "model.visbase", content))
        assert "not a visbase model" in line
        assert protocol < 2 or "a pickle" in line
    assert not sung.exists()
    pickle.loads(content)
    assert sung.exists()  # the canary can sing


def test_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model", "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Canary(tmp_path / "sung")))
    assert "a zip file" in refusal(tmp_path / "model")
    assert not (tmp_path / "sung").exists()


def test_no_file_a_folder_and_an_empty_file_are_told(tmp_path: Path) -> None:
    assert "no such model file" in refusal(tmp_path / "none")
    assert "found a folder" in refusal(tmp_path)
    assert "an empty file" in refusal(write(tmp_path / "empty", b""))


@pytest.mark.parametrize("content", [b"{", b"GIF89a" * 99, b"\0" * 99, b"\xff" * 99])
def test_other_content_is_told(content: bytes, tmp_path: Path) -> None:
    assert "not a visbase model" in refusal(write(tmp_path / "model", content))


def test_pipe_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model")
    assert "Not a regular file" in refusal(tmp_path / "model")


def test_class_name_that_occurs_twice_is_refused(saved: Path, tmp_path: Path) -> None:
    def twice(card: dict[str, Any]) -> None:
        card["classes"] = ["a"] * len(card["classes"])

    assert "has a name twice" in refusal(resave(saved, tmp_path / "m", twice))


def test_safetensors_file_of_somebody_else_is_told(tmp_path: Path) -> None:
    content = safetensors.numpy.save({"x": np.zeros(3)})
    assert "no model card" in refusal(write(tmp_path / "model", content))
    content = safetensors.numpy.save({"x": np.zeros(3)}, {"format": "pt"})
    assert "no model card" in refusal(write(tmp_path / "model", content))


def test_truncated_file_is_refused_wherever_it_ends(
    saved: Path, tmp_path: Path
) -> None:
    content = saved.read_bytes()
    for size in (1, 7, 8, 9, 50, 2000, len(content) // 2, len(content) - 1):
        refusal(write(tmp_path / "model", content[:size]))
    refusal(write(tmp_path / "model", content + b"\0"))


def test_one_flipped_bit_is_noticed_wherever_it_is(
    train: Split, tmp_path: Path
) -> None:
    fit_and_save("majority", train, tmp_path / "sound")
    content = (tmp_path / "sound").read_bytes()
    assert len(content) < 3000
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        refusal(write(tmp_path / "model", bytes(changed)))
    for position in range(8, content.index(b"\0", 8)):  # blanks between JSON's tokens
        changed = bytearray(content)
        if changed[position : position + 1] == b" ":
            changed[position] = ord("\t")
            refusal(write(tmp_path / "model", bytes(changed)))


def test_one_flipped_bit_of_a_larger_model_is_noticed(
    saved: Path, tmp_path: Path
) -> None:
    content = saved.read_bytes()
    for position in np.linspace(0, len(content) - 1, 60).astype(int):
        changed = bytearray(content)
        changed[position] ^= 0x10
        refusal(write(tmp_path / "model", bytes(changed)))


@pytest.mark.parametrize("length", [2**24 + 1, 2**40, 2**63, 2**64 - 1])
def test_absurd_header_length_is_refused_without_reading(
    length: int, saved: Path, tmp_path: Path
) -> None:
    content = struct.pack("<Q", length) + saved.read_bytes()[8:]
    with open(tmp_path / "model", "wb") as file:
        file.write(content)
        file.truncate(2**36)  # sparse: nobody has the memory to read it
    assert "not a visbase model" in refusal(tmp_path / "model")


def test_header_that_lies_about_sizes_is_refused(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    length = int.from_bytes(content[:8], "little")
    for shape, offsets in (
        ([2**40, 784], [0, 2**50]),
        ([1, 784], [0, 3136]),
        ([-1, 784], [0, 8]),
        ([2**63, 2**63], [0, 0]),
    ):
        header = json.loads(content[8 : 8 + length])
        header["support"] |= {"shape": shape, "data_offsets": offsets}
        text = json.dumps(header, separators=(",", ":")).encode()
        lying = struct.pack("<Q", len(text)) + text + content[8 + length :]
        assert "checksum" in refusal(write(tmp_path / "model", lying))
        assert "safetensors" in refusal(write(tmp_path / "model", sealed(lying)))


def test_sealing_is_what_saving_does(saved: Path) -> None:
    assert sealed(saved.read_bytes()) == saved.read_bytes()


@pytest.mark.parametrize("text", ["[" * 100_000, "7", "null", "{", '{"format": 1}'])
def test_card_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    metadata = {"card": text, "sha256": "0" * 64}
    content = sealed(safetensors.numpy.save({"x": np.zeros(3)}, metadata))
    refusal(write(tmp_path / "model", content))


def test_unknown_format_version_says_which_and_what_to_do(
    saved: Path, tmp_path: Path
) -> None:
    path = resave(saved, tmp_path / "m", lambda card: card.update(format=2))
    line = refusal(path)
    assert f"model format 2, this visbase reads format {FORMAT}" in line
    assert "run the method again" in line


def test_device_that_is_not_there_is_told_and_not_the_model(
    train: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit_and_save("lenet5", train, tmp_path / "model")
    monkeypatch.setenv("VISBASE_DEVICE", "abc")
    with pytest.raises(BadInput, match=r"^device 'abc' is not available"):
        load_model(tmp_path / "model")


def test_unknown_method_is_told_and_no_path_or_module_is_imported(
    saved: Path, tmp_path: Path
) -> None:
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'sung')!r}, 'w')")
    for name in (str(evil), f"../..{evil}", "evil", "os", "bovw_grid.py", "__init__"):

        def change(card: dict[str, Any], name: str = name) -> None:
            card["method"] = name

        assert "no method" in refusal(resave(saved, tmp_path / "m", change))
    assert not (tmp_path / "sung").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"c": "1"}, "setting c: expected float, found str"),
        ({"c": float("nan")}, "setting c: expected a finite number"),
        ({"multi_class": "all"}, "multi_class=all"),
        ({"multi_class": "ovo"}, "do not fit 10 classes"),
        ({"unit_length": 1}, "setting unit_length: expected bool, found int"),
        ({"more": 1}, "setting 'more' of svm_rbf is not one"),
        ({"c": None, "gamma": "del"}, "setting"),
    ],
)
def test_config_with_wrong_settings_is_refused(
    changes: dict[str, Any], said: str, saved: Path, tmp_path: Path
) -> None:
    path = resave(saved, tmp_path / "m", lambda card: card["config"].update(changes))
    assert said in refusal(path)


def test_config_without_a_setting_is_refused(saved: Path, tmp_path: Path) -> None:
    path = resave(saved, tmp_path / "m", lambda card: card["config"].pop("gamma"))
    assert "setting 'gamma' of svm_rbf is missing" in refusal(path)


def test_config_from_json_is_the_config(saved: Path) -> None:
    for method in METHODS.values():
        module = method.load()
        for config in module.PRESETS.values():
            recorded = json.loads(json.dumps(dataclasses.asdict(config)))
            assert method.config_from_json(recorded) == config
    assert saved.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": []},
        {"classes": ["a"] * 9},
        {"classes": [1] * 10},
        {"image_size": [27, 28]},
        {"image_size": [0, 28]},
        {"image_size": [10**9, 10**9]},
        {"image_size": "28"},
        {"seed": -1.5},
        {"seed": True},
        {"config": []},
        {"licence": None},
    ],
)
def test_card_with_a_wrong_field_is_refused(
    changes: dict[str, Any], saved: Path, tmp_path: Path
) -> None:
    refusal(resave(saved, tmp_path / "m", lambda card: card.update(changes)))


def set_nan(arrays: Arrays) -> None:
    arrays["support"] = arrays["support"].copy()
    arrays["support"][3, 5] = np.nan


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a.pop("rows"), "'rows' is missing"),
        (lambda a: a.update(more=a["rows"]), "'more' is not one of this method's"),
        (lambda a: a.update(rows=a["rows"][1:]), "'rows': expected int64 of shape"),
        (lambda a: a.update(rows=a["rows"].astype(np.int32)), "found int32"),
        (lambda a: a.update(support=a["support"].T), "array"),
        (lambda a: a.update(support=a["support"][:, 1:]), "not a sound model"),
        (lambda a: a.update(classes=a["classes"][1:]), "do not fit 9 classes"),
        (set_nan, "'support' holds NaN"),
    ],
)
def test_arrays_that_disagree_are_refused(
    change: Callable[[Arrays], object], said: str, saved: Path, tmp_path: Path
) -> None:
    assert said in refusal(resave(saved, tmp_path / "m", change_arrays=change))


@pytest.mark.parametrize("name", ["bovw_pyramid", "svm_virtual", "lenet5", "committee"])
def test_any_missing_shortened_or_nan_array_of_a_composite_is_refused(
    name: str, train: Split, tmp_path: Path
) -> None:
    fit_and_save(name, train, tmp_path / "sound")
    names = list(load_model(tmp_path / "sound").classifier.arrays())
    assert any("." in one for one in names)
    for one in names[:: max(1, len(names) // 8)]:
        for harm in (
            lambda a, one=one: a.pop(one),
            lambda a, one=one: a.update({one: np.append(a[one], 0)}),
            lambda a, one=one: a.update({f"{one}x": a[one]}),
            lambda a, one=one: a.update({one: np.full_like(a[one], np.nan, float)}),
        ):
            refusal(resave(tmp_path / "sound", tmp_path / "m", change_arrays=harm))
    refusal(
        resave(
            tmp_path / "sound",
            tmp_path / "m",
            change_arrays=lambda a: a.update({"other.x": np.zeros(3)}),
        )
    )


def test_words_whose_distances_overflow_are_refused(
    train: Split, tmp_path: Path
) -> None:
    fit_and_save("bovw_pyramid", train, tmp_path / "sound")

    def harm(arrays: Arrays) -> None:
        for name in arrays:
            if "vocabulary" in name:
                arrays[name] = np.full_like(arrays[name], 3e38)

    said = refusal(resave(tmp_path / "sound", tmp_path / "m", change_arrays=harm))
    assert "finite scores" in said


def test_model_of_photographs_takes_images_of_any_size(
    mnist: Dataset, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    photos = [
        rng.integers(0, 256, (40 + i % 5, 50, 3), np.uint8) // (1 + i % 2)
        for i in range(24)
    ]
    split = Split(photos, np.arange(24) % 2, [""] * 24)
    fitted = fit_and_save("bovw_grid", split, tmp_path / "model")
    model = load_model(tmp_path / "model")
    assert model.card["image_size"] is None
    assert np.array_equal(model.classifier.scores(photos), fitted.scores(photos))


def test_place_that_cannot_be_written_is_told_before_a_run(tmp_path: Path) -> None:
    check_place(tmp_path / "new" / "model")
    with pytest.raises(BadInput, match="cannot be written"):
        check_place(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be written"):
        check_place(tmp_path / "file" / "model")


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


def test_restored_machines_are_those_of_the_fit(train: Split) -> None:
    fitted, other = (PixelSVM(Kernel("rbf", 0.02), 1.0) for _ in range(2))
    fitted.fit(train.images, train.labels)
    other.restore(fitted.arrays())
    assert other.svm_.multi_class == fitted.svm_.multi_class == "ovo"
    assert other.n_parameters == fitted.n_parameters
