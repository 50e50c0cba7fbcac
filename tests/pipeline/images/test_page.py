"""What a page is read as: frames and rules go, digits stay, in lines from the left."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.images.digit.normalise import normalise_digit
from visbase.pipeline.images.digit.page import read_page
from visbase.pipeline.images.digit.parts import find_parts, lines_of
from visbase.pipeline.images.digit.rings import remove_rings
from visbase.pipeline.images.digit.rules import remove_rules

Image = NDArray[np.uint8]
Page = NDArray[np.float32]
AT = 60  # pixels from the top and left to a digit's image, which has 200


def stroke() -> NDArray[np.bool_]:
    """A page (300, 300) with a digit's stroke: an L of 20 px, 100 high, 60 wide."""
    mask = np.zeros((300, 300), bool)
    mask[100:200, 120:140] = mask[180:200, 120:180] = True
    return mask


def nothing() -> NDArray[np.bool_]:
    return np.zeros((300, 300), bool)


def test_frame_goes_and_the_stroke_inside_stays_to_the_pixel() -> None:
    frame = nothing()
    frame[50:251, 40:261] = True
    frame[55:246, 45:256] = False
    for ring in (frame, frame | np.pad(frame, 20)[:300, :300] & ~frame):
        rest, removed = remove_rings(stroke() | ring)
        assert np.array_equal(rest, stroke())
        assert np.array_equal(removed, ring)


def test_zero_is_no_ring() -> None:
    drawn = cv2.ellipse(
        np.zeros((300, 300), np.uint8), (150, 150), (50, 80), 0, 0, 360, 1, 9
    )
    rest, removed = remove_rings(drawn > 0)
    assert np.array_equal(rest, drawn > 0)
    assert not removed.any()


def test_rules_go_and_the_stroke_across_them_has_no_gap() -> None:
    rules = nothing()
    for row in range(10, 300, 40):
        rules[row : row + 3] = rules[:, row : row + 3] = True
    rest, _ = remove_rules(stroke() | rules, nothing())
    near = np.s_[95:205, 115:185]  # elsewhere, crossings remain as specks
    assert (rest & stroke()).sum() > 0.93 * stroke().sum()
    assert (rest & ~stroke())[near].sum() < 0.02 * stroke().sum()
    rest, removed = remove_rules(stroke(), nothing())
    assert np.array_equal(rest, stroke()) and not removed.any()


def test_specks_are_left_out_broken_strokes_joined_and_touching_digits_split() -> None:
    broken, speckled = stroke(), stroke()
    broken[150:156] = False
    speckled[20:26, 20:26] = True
    for mask in (broken, speckled):
        assert find_parts(mask).max() == 1
    assert find_parts(broken)[110, 130] == find_parts(broken)[190, 130] == 1
    touching = nothing()
    for left in (60, 160):
        cv2.ellipse(
            view := touching.astype(np.uint8),
            (left + 48, 150),
            (40, 60),
            0,
            0,
            360,
            1,
            14,
        )
        touching |= view > 0
    labels = find_parts(touching)
    assert labels.max() == 2
    assert len(set(np.unique(labels[:, :150])) & set(np.unique(labels[:, 170:]))) == 1


def test_lines_run_from_top_to_bottom_and_their_boxes_from_left_to_right() -> None:
    # the second line climbs by more than a digit's height
    first = [(x, 0, x + 40, 60) for x in (200, 0, 100)]
    second = [(x, 200 - x // 3, x + 40, 260 - x // 3) for x in (100, 200, 0)]
    assert lines_of([*second, *first]) == [[4, 5, 3], [2, 0, 1]]


def paper(width: int = 320) -> Page:
    return np.full((320, width), 230, np.float32)


def write(page: Page, digit: Image, left: int = AT) -> Page:
    ink = cv2.resize(
        digit.astype(np.float32) / 255, (200, 200), interpolation=cv2.INTER_CUBIC
    )
    page[AT : AT + 200, left : left + 200] *= 1 - 0.8 * np.clip(ink, 0, 1)
    return page


def photo(page: Page) -> Image:
    noise = np.random.default_rng(0).normal(0, 3, page.shape)
    return np.clip(np.rint(page + noise), 0, 255).astype(np.uint8)


def ruled(page: Page) -> Page:
    for row in range(10, 320, 40):
        page[row : row + 3] *= 0.5
    return page


def squared(page: Page) -> Page:
    return ruled(ruled(page).T).T


def framed(page: Page) -> Page:
    return np.asarray(cv2.rectangle(page, (15, 15), (305, 305), 40, 4), np.float32)


def circled(page: Page) -> Page:
    return np.asarray(cv2.circle(page, (160, 160), 130, 60, 5), np.float32)


def underlined(page: Page) -> Page:
    return np.asarray(cv2.line(page, (70, 270), (250, 266), 50, 6), np.float32)


def on_a_table(page: Page) -> Page:
    return np.pad(page, 50, constant_values=40)


@pytest.mark.parametrize(
    "draw", [ruled, squared, framed, circled, underlined, on_a_table]
)
def test_digit_is_read_as_if_nothing_else_were_there(
    draw: Callable[[Page], Page], mnist: Dataset
) -> None:
    for digit in mnist.train.images[:3]:
        ((alone,),) = read_page(photo(write(paper(), digit))).lines
        ((read,),) = read_page(photo(draw(write(paper(), digit)))).lines
        inked = (alone.image > 0) | (read.image > 0)
        difference = np.abs(alone.image.astype(int) - read.image)[inked].mean()
        assert difference < 70  # another digit: over 100
        by = 50 if draw is on_a_table else 0
        np.testing.assert_allclose(np.subtract(read.box, by), alone.box, atol=6)


def test_clean_digit_is_normalised_as_before(mnist: Dataset) -> None:
    for digit in mnist.train.images[:3]:
        image = photo(write(paper(), digit))
        ((read,),) = read_page(image).lines
        assert np.array_equal(read.image, normalise_digit(image))
        rows, columns = np.nonzero(digit > 127)
        ends = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        np.testing.assert_allclose(read.box, AT + np.array(ends) * 200 / 28, atol=8)


def test_digits_of_a_number_are_found_from_left_to_right(mnist: Dataset) -> None:
    page, alone = paper(920), []
    for at, digit in enumerate(mnist.train.images[:4]):
        write(page, digit, AT + 200 * at)
        alone.append(normalise_digit(photo(write(paper(), digit))))
    (line,) = read_page(photo(page)).lines
    assert len(line) == 4
    for digit, expected in zip(line, alone, strict=True):
        assert np.abs(digit.image.astype(int) - expected)[expected > 0].mean() < 45


def test_only_ink_on_paper_looks_like_a_page(mnist: Dataset) -> None:
    page = write(paper(), mnist.train.images[0])
    assert all(read_page(photo(draw(page))).is_paper for draw in (ruled, circled))
    both = cv2.rectangle(paper() - 100, (60, 60), (80, 260), 20, cv2.FILLED)
    both = cv2.rectangle(both, (200, 60), (220, 260), 250, cv2.FILLED)
    assert not read_page(photo(np.asarray(both, np.float32))).is_paper
    solid = cv2.circle(paper(), (160, 160), 110, 60, cv2.FILLED)
    assert not read_page(photo(np.asarray(solid, np.float32))).is_paper


def test_thread_too_thin_to_be_seen_in_a_digits_form_is_left_out(
    mnist: Dataset,
) -> None:
    page = cv2.line(write(paper(920), mnist.train.images[0]), (500, 20), (504, 300), 90)
    (line,) = read_page(photo(np.asarray(page, np.float32))).lines
    assert len(line) == 1


def test_image_as_small_as_mnists_has_one_digit(mnist: Dataset) -> None:
    trousers = np.zeros((28, 28), np.uint8)
    trousers[4:24, 8:12] = trousers[4:24, 16:20] = 200
    for image in (trousers, 255 - trousers):
        ((digit,),) = read_page(image).lines
        assert digit.box == (0, 0, 28, 28)
        assert (digit.image[10] > 100).sum() == 8  # both legs
    larger = np.kron(trousers, np.ones((10, 10), np.uint8))
    assert len(read_page(larger).lines[0]) == 2
