"""The patches that excite a neuron are where they are said to be."""

import numpy as np
import torch
from torch import nn

from visbase.cnn import lenet5
from visbase.cnn.inspection.layers import trace
from visbase.cnn.inspection.patches import strongest


def test_an_output_does_not_depend_on_pixels_outside_of_its_patch() -> None:
    torch.manual_seed(0)
    network = lenet5.network(28, 28, 10)
    images = torch.rand(8, 1, 28, 28)
    found = [*strongest(network, images, n_neurons=3, n_patches=2)]
    assert [one.layer.depth for one in found] == [1, 2, 3, 4, 5]
    for nth, one in zip((0, 2), found, strict=False):  # the two convolutions
        side, start, step = one.layer.field_px, one.layer.start_px, one.layer.stride_px
        assert side is not None
        for neuron, rank in np.ndindex(3, 2):
            at = neuron, rank
            top, left = int(one.rows[at]), int(one.columns[at])
            inside = torch.zeros(28, 28, dtype=torch.bool)
            inside[max(top, 0) : top + side, max(left, 0) : left + side] = True
            changed = torch.where(inside, images[one.images[at]], torch.randn(28, 28))
            outputs = trace(network, changed[None])[nth][1]
            output = outputs[neuron, (top - start) // step, (left - start) // step]
            torch.testing.assert_close(float(output), float(one.outputs[at]))


def test_the_most_exciting_patch_of_a_bright_spot_detector_is_the_spot() -> None:
    detector = nn.Conv2d(1, 1, 3, bias=False)
    nn.init.ones_(detector.weight)
    images = torch.zeros(3, 1, 9, 9)
    images[1, 0, 4:7, 2:5] = 2.0
    images[2, 0, 0, 0] = 1.0
    network = nn.Sequential(detector, nn.Flatten(), nn.Linear(49, 1))
    first, last = strongest(network, images, n_neurons=6, n_patches=2)
    assert first.images.tolist() == [[1, 2]]
    assert first.outputs.tolist() == [[18.0, 1.0]]  # 9 pixels of 2; 1 pixel of 1
    assert (first.rows[0, 0], first.columns[0, 0]) == (4, 2)
    assert last.layer.field_px is None and last.rows.tolist() == [[0, 0]]
