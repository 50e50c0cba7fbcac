"""ILSVRC's folders: labels by sorted synsets, the truth of flat images, lazy files."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.datasets.imagenet import KIT, PACKED, load_validation
from visbase.pipeline.datasets.splits import validation_split
from visbase.pipeline.errors import BadInput

TRENCH, COCK, CRANE = "n01440764", "n01514668", "n02012849"
MAPPING = f"{CRANE} crane\n{TRENCH} tench, Tinca tinca\n{COCK} cock\n"


def photographs(folder: Path, names: list[str]) -> None:
    """JPEG files of 12 x 9 pixels, each of another grey."""
    folder.mkdir(parents=True)
    for i, name in enumerate(names):
        Image.fromarray(np.full((9, 12), 20 * i, np.uint8)).save(folder / name)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three classes, twelve training images each, and three flat validation images."""
    for synset in (CRANE, TRENCH, COCK):
        names = [f"{synset}_{i}.JPEG" for i in range(12)]
        photographs(tmp_path / "train" / synset, names)
    flat = [f"ILSVRC2012_val_0000000{i}.JPEG" for i in (1, 2, 3)]
    photographs(tmp_path / "val", flat)
    return tmp_path


def add_kit(root: Path, truth: str) -> None:
    """The development kit's files; its numbers are not in the order of the synsets."""
    kind = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O")]
    rows = [(1, CRANE, "crane", "a bird"), (2, TRENCH, "tench, Tinca tinca", "a fish")]
    rows += [(3, COCK, "cock", "a bird"), (1001, "n00015388", "animal", "a group")]
    children = (0, 0, 0, 2)
    table = np.array(
        [(*row, n) for row, n in zip(rows, children, strict=True)],
        [*kind, ("num_children", "O")],
    )
    (root / KIT).mkdir(parents=True)
    scipy.io.savemat(root / KIT / "meta.mat", {"synsets": table})
    (root / KIT / "ILSVRC2012_validation_ground_truth.txt").write_text(truth)


def test_classes_are_the_sorted_synsets_and_the_kit_labels_flat_images(
    root: Path,
) -> None:
    add_kit(root, "1\n3\n2\n")
    data = load_dataset("imagenet", root)
    assert data.classes == (f"{TRENCH} tench", f"{COCK} cock", f"{CRANE} crane")
    assert data.test.labels.tolist() == [2, 1, 0]
    assert data.test.names[0] == "val/ILSVRC2012_val_00000001.JPEG"
    assert np.bincount(data.train.labels).tolist() == [12, 12, 12]
    assert (data.kind, data.published, data.channels) == ("photographs", True, 3)
    # a sixth of each class, its last images
    train, validation = validation_split(data, 0)
    assert sorted(validation.names) == sorted(
        f"train/{synset}/{synset}_{i}.JPEG"
        for synset in (TRENCH, COCK, CRANE)
        for i in (8, 9)
    )  # as text, _10 and _11 come before _2
    assert len(train) == 30


def test_files_are_decoded_when_needed_and_never_before(root: Path) -> None:
    add_kit(root, "1\n3\n2\n")
    broken = root / "train" / COCK / f"{COCK}_0.JPEG"
    broken.write_bytes(b"no image")
    train = load_dataset("imagenet", root).train
    at = train.names.index(f"train/{COCK}/{COCK}_0.JPEG")
    assert train.images[at + 1].shape == (9, 12)
    with pytest.raises(BadInput, match=rf"{COCK}_0.JPEG: cannot be read: not a JPEG"):
        train.images[at]
    assert train.images[: at - 1].sizes[0].tolist() == [9, 12]  # type: ignore[union-attr]
    with pytest.raises(BadInput, match="cannot be read"):
        _ = train.images.sizes  # type: ignore[union-attr]


def test_kaggles_files_and_folders_give_the_same_labels(root: Path) -> None:
    add_kit(root, "1\n3\n2\n")
    expected = load_dataset("imagenet", root)
    shutil.rmtree(root / KIT.parts[0])
    (root / PACKED).mkdir(parents=True)
    for part in ("train", "val"):
        (root / part).rename(root / PACKED / part)
    (root / "LOC_synset_mapping.txt").write_text(MAPPING)
    solution = ["ImageId,PredictionString"]
    for i, synset in enumerate((CRANE, COCK, TRENCH), 1):
        solution.append(f"ILSVRC2012_val_0000000{i},{synset} 1 2 3 4 {synset} 5 6 7 8")
    (root / "LOC_val_solution.csv").write_text("\n".join(solution))
    data = load_dataset("imagenet", root)
    assert data.classes == expected.classes
    assert data.test.labels.tolist() == expected.test.labels.tolist()
    assert data.train.labels.tolist() == expected.train.labels.tolist()


def test_validation_images_in_folders_need_neither_names_nor_training_images(
    root: Path,
) -> None:
    shutil.rmtree(root / "val")
    for synset in (COCK, TRENCH):
        photographs(root / "val" / synset, ["a.JPEG", "b.JPEG"])
    split, classes = load_validation(root)
    assert classes == (TRENCH, COCK, CRANE)  # of the training images
    assert split.labels.tolist() == [0, 0, 1, 1]
    shutil.rmtree(root / "train")
    assert load_validation(root)[1] == (TRENCH, COCK)
    # a subset keeps the labels that it has among all classes
    (root / "LOC_synset_mapping.txt").write_text(f"n00000001 first\n{MAPPING}")
    assert load_validation(root)[0].labels.tolist() == [1, 1, 2, 2]


def test_photographs_that_were_replaced_are_others(root: Path) -> None:
    add_kit(root, "1\n3\n2\n")
    before = load_validation(root)[0].images.digests
    assert load_validation(root)[0].images.digests == before
    path = root / "val" / "ILSVRC2012_val_00000002.JPEG"
    content = bytes(path.stat().st_size)
    path.unlink()
    path.write_bytes(content)  # as long as before
    after = load_validation(root)[0].images.digests
    assert [i for i in range(3) if before[i] != after[i]] == [1]


def refusal(root: Path) -> str:
    with pytest.raises(BadInput) as refused:
        load_dataset("imagenet", root)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_is_missing_is_said(root: Path) -> None:
    assert "val: the images have no classes; put ILSVRC2012_validation" in refusal(root)
    add_kit(root, "1\n3\n")
    assert "truth.txt: 2 classes for 3 images in" in refusal(root)
    (root / KIT / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n3\n1001\n")
    assert "truth.txt: expected one of 3 synsets for ILSVRC2012_val" in refusal(root)
    # a missing image and a stray one would shift the classes of all between
    first = root / "val" / "ILSVRC2012_val_00000001.JPEG"
    first.rename(root / "val" / "ILSVRC2012_val_00000004.JPEG")
    assert "found ILSVRC2012_val_00000002.JPEG instead" in refusal(root)
    (root / "val" / "ILSVRC2012_val_00000004.JPEG").rename(first)
    for name in ("README.txt", "._ILSVRC2012_val_00000001.JPEG"):  # no images
        (root / "val" / name).touch()
    (root / KIT / "meta.mat").write_bytes(b"no table")
    assert "meta.mat: not the meta.mat of ILSVRC's development kit" in refusal(root)
    (root / "train" / COCK).rename(root / "train" / "n09999999")
    (root / "LOC_synset_mapping.txt").write_text(MAPPING)
    assert "train/n09999999: not one of the 3 synsets" in refusal(root)
    (root / "LOC_synset_mapping.txt").write_text("0 tench\n")
    assert "expected lines such as 'n01440764 tench', found '0'" in refusal(root)
    assert "expected a folder val in it, found none" in refusal(root / "train")
