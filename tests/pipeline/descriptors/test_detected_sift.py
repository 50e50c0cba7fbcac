"""Detected SIFT against OpenCV's own call, and where its keypoints lie."""

import cv2
import numpy as np
import pytest

from visbase.pipeline.contracts import Images
from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.descriptors.detected_sift import DetectedSift, without_ipp
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.blocks import map_blocks, one_thread


@pytest.mark.parametrize("upscale", [1.0, 2.0])
def test_descriptors_and_places_are_opencvs(mnist: Dataset, upscale: float) -> None:
    images = mnist.test.images[:40]
    with one_thread():
        found = DetectedSift(upscale, contrast_threshold=0.02).extract(images)
    sift = cv2.SIFT.create(contrastThreshold=0.02)
    for i, image in enumerate(images):
        with without_ipp(), one_thread():
            image = cv2.resize(image, None, None, upscale, upscale, cv2.INTER_CUBIC)
            keypoints, golden = sift.detectAndCompute(image, None)
        rows = slice(found.offsets[i], found.offsets[i + 1])
        assert len(keypoints) == rows.stop - rows.start
        if keypoints:
            np.testing.assert_array_equal(found.values[rows], golden)
            # OpenCV counts from the middle of the first pixel, fractions from its edge
            places = (np.array([k.pt for k in keypoints]) + 0.5) / image.shape[::-1]
            np.testing.assert_allclose(found.xy[rows], places, atol=2e-6)


@pytest.mark.parametrize("upscale", [1.0, 2.0])
def test_blob_is_found_where_it_lies_whatever_the_upscale(upscale: float) -> None:
    y, x = np.mgrid[:48, :64]
    blob = 200 * np.exp(-((x - 20) ** 2 + (y - 30) ** 2) / (2 * 4.0**2))
    found = DetectedSift(upscale).extract(np.rint(blob).astype(np.uint8)[None])
    assert len(found.xy) > 0
    pixels = found.xy * (64, 48) - 0.5
    np.testing.assert_allclose(pixels, np.tile((20, 30), (len(pixels), 1)), atol=0.5)
    # a blob of deviation 4 px answers strongest near sigma 4: diameter 8, bins of 12
    np.testing.assert_allclose(found.scale, 12, rtol=0.2)


@pytest.mark.parametrize("upscale", [0.5, 17.0])
def test_upscale_that_does_not_enlarge_or_fills_memory_is_refused(
    upscale: float,
) -> None:
    with pytest.raises(BadInput, match=f"^upscale={upscale:g}: expected 1 to 16$"):
        DetectedSift(upscale)


def test_keypoints_lie_inside_the_image(mnist: Dataset) -> None:
    cropped = mnist.test.images[:40, 6:22, 6:22]  # strokes run into the border
    found = DetectedSift(3, contrast_threshold=0.01).extract(cropped)
    assert len(found.xy) > 100
    assert found.xy.min() >= 0 and found.xy.max() < 1


def test_intels_library_does_not_count_and_stays_as_it_was(mnist: Dataset) -> None:
    images, before = mnist.test.images[:40], cv2.ipp.useIPP()
    with one_thread():
        found = DetectedSift(3).extract(images)
        assert cv2.ipp.useIPP() == before
        with without_ipp():
            again = DetectedSift(3).extract(images)
    np.testing.assert_array_equal(found.values, again.values)


def test_images_are_described_by_one_thread_each(mnist: Dataset) -> None:
    def threads(block: Images) -> np.ndarray:
        return np.full(len(block), cv2.getNumThreads())

    before = cv2.getNumThreads()
    assert (map_blocks(threads, mnist.test.images[:600], "") == 1).all()
    assert cv2.getNumThreads() == before
