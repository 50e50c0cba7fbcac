"""Random distortions of a batch, measured on images whose change can be computed."""

import numpy as np
import torch
from torch import Tensor

from visbase.cnn.training.augment import Distortion

CPU = torch.device("cpu")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_shift_is_in_pixels_on_both_axes() -> None:
    batch = torch.zeros(200, 1, 20, 30)
    batch[:, 0, 10, 15] = 1
    moved = Distortion(0, 0, 0, shift_px=3)(batch, generator())
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij")
    for axis, centre in ((y, 10), (x, 15)):
        distance = ((moved[:, 0] * axis).sum((1, 2)) - centre).abs()
        assert 2.5 < distance.max() <= 3.01


def test_rotation_keeps_lengths_in_an_oblong_image() -> None:
    distortion = Distortion(rotation=0.5, scale=0, shear=0, shift_px=0)
    maps = distortion.matrices(50, 30, 20, generator())
    half = torch.tensor([15.0, 10.0])  # pixels in one unit along x and y
    in_pixels = half[:, None] * maps[:, :, :2] / half[None, :]
    identity = torch.eye(2).expand(50, 2, 2)
    torch.testing.assert_close(in_pixels @ in_pixels.mT, identity, atol=1e-5, rtol=0)
    assert in_pixels[:, 1, 0].abs().max() > 0.3


def test_elastic_field_has_the_requested_strength_and_smoothness() -> None:
    distortion = Distortion(elastic_px=1.5, elastic_sigma_px=3.0)
    fields = distortion.displacements(20, 80, 90, generator(), CPU)
    assert fields.shape == (20, 80, 90, 2)
    inner = fields[:, 15:-15, 15:-15]
    assert abs(float(inner.square().mean().sqrt()) - 1.5) < 0.1
    # white noise smoothed by sigma correlates as exp(-(d / 2 sigma)^2)
    correlation = (inner[:, 3:] * inner[:, :-3]).mean() / inner.square().mean()
    assert abs(float(correlation) - np.exp(-((3 / 6) ** 2))) < 0.05


def test_elastic_distortion_moves_pixels_by_its_displacements() -> None:
    ramp = torch.arange(40.0).expand(1, 1, 40, 40).clone()  # a pixel's value is its x
    distortion = Distortion(0, 0, 0, 0, elastic_px=1.0)
    bent = distortion(ramp, generator(3))
    same_draws = generator(3)
    distortion.matrices(1, 40, 40, same_draws)  # drawn before the field
    moved = distortion.displacements(1, 40, 40, same_draws, CPU)[0, :, :, 0]
    inner = (slice(5, -5), slice(5, -5))
    torch.testing.assert_close((bent - ramp)[0, 0][inner], moved[inner])


def test_flip_alone_mirrors_about_half_of_the_images_and_leaves_the_others() -> None:
    batch = torch.rand(200, 1, 8, 6)
    flipped = Distortion(0, 0, 0, 0, flip=True)(batch, generator())

    def equals(others: Tensor) -> Tensor:
        return (flipped - others).abs().amax((1, 2, 3)) < 1e-5

    mirrored, same = equals(batch.flip(3)), equals(batch)
    assert (mirrored ^ same).all()
    assert 70 < mirrored.sum() < 130
    assert not Distortion().flip
