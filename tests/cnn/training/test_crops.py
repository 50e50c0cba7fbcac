"""Random crops, measured on images whose crop can be computed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from visbase.cnn.training.crops import COMPONENTS, SPREAD, Crops, LitCrops, PaddedCrops
from visbase.pipeline.errors import BadInput

PLAIN = Crops(crop_px=16, smallest_crop=1.0, light=0.0, widest_crop=1.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ramps(n: int, height: int, width: int) -> Tensor:
    """Images whose channels are x and y, from -1 to 1 between the outer edges."""
    x = ((torch.arange(width) + 0.5) / width * 2 - 1).expand(height, width)
    y = ((torch.arange(height) + 0.5) / height * 2 - 1)[:, None].expand(height, width)
    return torch.stack([x, y]).expand(n, 2, height, width).contiguous()


def test_crop_of_everything_is_the_image_or_its_mirror_image() -> None:
    images = torch.rand(200, 3, 16, 16)
    crops = PLAIN(images, generator())
    same, mirrored = (
        (crops - others).abs().amax((1, 2, 3)) < 1e-5
        for others in (images, images.flip(3))
    )
    assert (same ^ mirrored).all()
    assert 70 < mirrored.sum() < 130


def test_crop_has_the_wanted_area_and_shape_and_lies_inside() -> None:
    crops = Crops(crop_px=20, smallest_crop=0.3, light=0.0)
    maps = crops.matrices(2000, generator())
    width, height = maps[:, 0, 0].abs(), maps[:, 1, 1]
    inside = (width < 1) & (height < 1)  # a side that would be longer is cut
    area, shape = (width * height)[inside], (width / height)[inside]
    assert 0.3 <= area.min() < 0.31
    assert 3 / 4 <= shape.min() < 0.77 and 1.3 < shape.max() <= 4 / 3 + 1e-6
    for scale, middle in ((width, maps[:, 0, 2]), (height, maps[:, 1, 2])):
        assert (scale <= 1).all()
        assert ((middle.abs() + scale) <= 1 + 1e-6).all()
    assert not maps[:, 0, 1].any() and not maps[:, 1, 0].any()


def test_pixels_of_a_crop_come_from_where_the_map_says() -> None:
    crops = replace(PLAIN, smallest_crop=0.25)
    images = ramps(50, 40, 60)
    x, y = crops(images, generator(1)).unbind(1)
    maps = crops.matrices(50, generator(1))
    across = (torch.arange(16) + 0.5) / 8 - 1
    expected_x = maps[:, 0, 0, None] * across + maps[:, 0, 2, None]
    expected_y = maps[:, 1, 1, None] * across + maps[:, 1, 2, None]
    rim = 1 - 1 / 40  # beyond the outermost centres the border is repeated
    torch.testing.assert_close(x[:, 0].clamp(-rim, rim), expected_x.clamp(-rim, rim))
    torch.testing.assert_close(y[..., 0].clamp(-rim, rim), expected_y.clamp(-rim, rim))


def test_light_changes_contrast_saturation_and_brightness_within_its_limits() -> None:
    images = torch.zeros(500, 3, 2, 1)
    images[:, :, 0] = torch.tensor([3.0, 0.0, -3.0])[
        :, None
    ]  # a colour; one grey pixel
    images[:, :, 1] = 2.0
    lit = replace(PLAIN, light=0.4, deviation=5).in_random_light(images, generator())
    mean = lit.mean((1, 2, 3))
    brightness = (mean - 1.0) / 5  # the mean of 0 and 2
    assert -0.4 <= brightness.min() < -0.35 and 0.35 < brightness.max() <= 0.4
    grey = lit.mean(1)[:, :, 0]
    contrast = (grey[:, 1] - grey[:, 0]) / 2
    assert 0.6 <= contrast.min() < 0.65 and 1.35 < contrast.max() <= 1.4
    saturation = (lit[:, 0, 0, 0] - lit[:, 2, 0, 0]) / 6 / contrast
    assert 0.6 <= saturation.min() < 0.65 and 1.35 < saturation.max() <= 1.4
    assert abs(torch.corrcoef(torch.stack([contrast, saturation]))[0, 1]) < 0.2


def test_same_generator_gives_the_same_crops_and_grey_has_no_saturation() -> None:
    crops = Crops(crop_px=16, smallest_crop=0.35, light=0.3)
    grey = torch.rand(4, 1, 16, 16)
    assert torch.equal(crops(grey, generator()), crops(grey, generator()))
    in_colour = crops(grey.expand(4, 3, 16, 16), generator())
    torch.testing.assert_close(in_colour[:, :1], crops(grey, generator()))


@pytest.mark.parametrize(
    "wrong", [{"crop_px": 15}, {"smallest_crop": 0.0}, {"light": 1.0}], ids=str
)
def test_crops_too_small_or_dark_to_show_anything_are_refused(
    wrong: dict[str, float],
) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(BadInput, match=f"^{name}={value}: expected"):
        replace(PLAIN, **wrong)  # type: ignore[arg-type]


def test_objects_move_by_whole_pixels_and_half_of_them_are_mirrored() -> None:
    images = torch.arange(1.0, 31).view(1, 1, 5, 6).expand(400, 2, 5, 6).contiguous()
    crops = PaddedCrops(2)(images, generator())
    padded = torch.nn.functional.pad(images[0], (2, 2, 2, 2))
    moved = {
        (top, left, mirrored): window.flip(2) if mirrored else window
        for top in range(5)
        for left in range(5)
        for mirrored in (False, True)
        for window in [padded[:, top : top + 5, left : left + 6]]
    }
    found = [[key for key, m in moved.items() if m.equal(crop)] for crop in crops]
    assert all(len(keys) == 1 for keys in found)
    assert len({key for (key,) in found}) == 50  # each of them, in 400 draws
    assert 160 < sum(mirrored for ((_, _, mirrored),) in found) < 240


def test_lit_crop_is_a_window_of_the_photograph_moved_along_the_components() -> None:
    deviation = (50.0, 60.0, 70.0)
    yy, xx = torch.meshgrid(torch.arange(9.0), torch.arange(12.0), indexing="ij")
    image = (100 * yy + xx).expand(3, 9, 12)
    draw = LitCrops(5, deviation)
    n = 400
    crops = draw(image.expand(n, 3, 9, 12), torch.Generator().manual_seed(0))
    assert crops.shape == (n, 3, 5, 5)
    steps = crops[..., 1] - crops[..., 0]
    assert set(steps.round().unique().tolist()) == {-1, 1}  # some are mirrored
    assert torch.allclose(crops[:, :, 1] - crops[:, :, 0], torch.tensor(100.0))
    # the light of all pixels of a photograph is the same; its deviation as published
    corner = torch.minimum(crops[:, 0, 0, 0], crops[:, 0, 0, -1])
    window = corner.round()
    light = torch.minimum(crops[..., 0, 0], crops[..., 0, -1]) - window[:, None]
    levels = light * torch.tensor(deviation)
    assert set((window / 100).floor().unique().tolist()) == {0, 1, 2, 3, 4}
    assert set((window % 100).unique().tolist()) == set(range(8))
    weights = levels @ torch.tensor(COMPONENTS)
    expected = 255 * 0.1 * torch.tensor(SPREAD)
    assert torch.allclose(weights.std(0), expected, rtol=0.15, atol=0.02)
