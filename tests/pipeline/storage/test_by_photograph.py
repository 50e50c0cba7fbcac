"""Vectors by photograph: each is computed once, whichever folder it is in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from visbase.pipeline.contracts import FloatArray, Images
from visbase.pipeline.images.fingerprint import digest_array
from visbase.pipeline.images.photo_files import PhotoFiles
from visbase.pipeline.storage import artifacts, cache
from visbase.pipeline.storage.by_photograph import recall_rows
from visbase.pipeline.storage.spent import recalled_s


@pytest.fixture(autouse=True)
def own_folders(fresh_folders: Path) -> None:
    """No test recalls the vectors of another test."""


@pytest.fixture
def photographs(tmp_path: Path) -> PhotoFiles:
    """Six grey photographs of 4 x 5 pixels, the last one a twin of the first."""
    paths = []
    for i, level in enumerate((10, 20, 30, 40, 50, 10)):
        paths.append(tmp_path / f"{i}.png")
        Image.new("L", (5, 4), level).save(paths[-1])
    images = [np.asarray(Image.open(path)) for path in paths]
    sizes = np.full((len(paths), 2), (4, 5))
    return PhotoFiles(paths, sizes, [digest_array(image) for image in images])


def means(images: Images) -> FloatArray:
    computed.append(len(images))
    return np.array([[image.mean(), 1] for image in images], np.float32)


computed: list[int] = []  # number of images of each call


def recall(images: Images, **key: int) -> NDArray[np.float32]:
    computed.clear()
    return recall_rows("means", key, images, means, (means,))


def test_more_photographs_compute_only_the_new_ones(photographs: PhotoFiles) -> None:
    assert recall(photographs[:2])[:, 0].tolist() == [10, 20]
    assert computed == [2]
    assert recall(photographs)[:, 0].tolist() == [10, 20, 30, 40, 50, 10]
    assert computed == [3]  # the twin of the first is known by its pixels
    assert recall(photographs[::-1])[:, 0].tolist() == [10, 50, 40, 30, 20, 10]
    assert computed == []


def test_other_settings_have_other_vectors(photographs: PhotoFiles) -> None:
    recall(photographs, size=1)
    recall(photographs, size=2)
    assert computed == [6]


def test_shrunk_photographs_are_other_photographs(photographs: PhotoFiles) -> None:
    recall(photographs)
    recall(photographs.within(2))
    assert computed == [6]


def test_images_in_memory_are_not_kept(photographs: PhotoFiles) -> None:
    images = list(photographs)
    recall(images)
    recall(images)
    assert computed == [6]


def test_damaged_file_is_computed_again(
    photographs: PhotoFiles, fresh_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recall(photographs)
    (path,) = (fresh_folders / "artifacts" / "cache").iterdir()
    path.write_bytes(path.read_bytes()[:-30])
    assert recall(photographs)[:, 0].tolist() == [10, 20, 30, 40, 50, 10]
    assert computed == [6]
    assert "damaged" in capsys.readouterr().err


def test_recalled_rows_count_as_the_time_that_they_took(
    photographs: PhotoFiles,
) -> None:
    recall(photographs)
    before = recalled_s()
    recall(photographs[:2])
    two = recalled_s() - before
    recall(photographs)
    assert two > 0
    assert recalled_s() - before == pytest.approx(4 * two)


def test_row_of_a_single_photograph_is_neither_kept_nor_recalled(
    photographs: PhotoFiles, fresh_folders: Path
) -> None:
    assert recall(photographs[:1])[0, 0] == 10
    assert not (fresh_folders / "artifacts").exists()


def test_code_that_decodes_photographs_counts(
    photographs: PhotoFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = []
    for digest in ("old", "new"):  # of the module that decodes
        monkeypatch.setattr(
            cache,
            "source_digest",
            lambda code, digest=digest: digest if photographs in code else "",
        )
        paths.append(cache.entry_path("stage", {"images": photographs}, (), ".npz"))
        recall_rows("vectors", {}, photographs, ones, ())
    assert paths[0] != paths[1]
    assert len([*(artifacts() / "cache").glob("vectors-*")]) == 2


def ones(images: Images) -> FloatArray:
    return np.ones((len(images), 1), np.float32)
