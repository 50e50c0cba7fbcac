"""Pictures of a network, and the receptive fields that they show."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from visbase.cnn import lenet5
from visbase.cnn.inspection.kernels import first_kernels
from visbase.cnn.inspection.layers import save_pictures, trace
from visbase.cnn.residual import residual_network


def test_layers_and_receptive_fields_of_lenet5_by_hand() -> None:
    network = lenet5.network(28, 28, 10, dropout=0.0)
    layers = [layer for layer, _ in trace(network, torch.zeros(1, 1, 28, 28))]
    # 5; 5 + 1; 6 + 4 x 2; 14 + 2
    assert [layer.field_px for layer in layers] == [5, 6, 14, 16, None, None, None]
    assert [layer.stride_px for layer in layers[:4]] == [1, 2, 2, 4]
    # the first convolution is padded by 2, the second is not
    assert [layer.start_px for layer in layers] == [-2, -2, -2, -2, 0, 0, 0]
    shapes = [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120,), (84,), (10,)]
    assert [layer.shape for layer in layers] == shapes
    assert sum(layer.n_parameters for layer in layers) == 61_706


@pytest.mark.parametrize("shortcut", [True, False])
def test_an_output_sees_its_receptive_field_and_no_more(shortcut: bool) -> None:
    """Pixels that change the middle output, found by changing each pixel."""
    torch.manual_seed(0)
    network = residual_network(8, 4, shortcut, 10).eval()
    image = torch.rand(1, 1, 96, 96, requires_grad=True)
    fields = [layer.field_px for layer, _ in trace(network, image.detach())]
    field = max(field for field in fields if field)
    output = network[:-3](image)  # the layers before the mean over positions
    middle = output.shape[2] // 2
    output[0, :, middle, middle].sum().backward()
    assert image.grad is not None
    rows = image.grad[0, 0].abs().sum(1).nonzero()
    side = int(rows.max() - rows.min()) + 1
    assert field - 8 <= side <= field  # at the rim a rectified unit may hide a pixel


def test_an_output_sees_what_the_widest_of_its_branches_sees() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide, self.narrow = nn.Conv2d(1, 2, 5, 2, 2), nn.Conv2d(1, 2, 1, 2)
            self.deep, self.after = nn.Conv2d(2, 2, 1), nn.Conv2d(4, 1, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            narrow = self.deep(self.narrow(x))
            return self.after(torch.cat([narrow, self.wide(x).relu_()], 1))

    traced = [layer for layer, _ in trace(Branches(), torch.zeros(1, 1, 16, 16))]
    names = [layer.kernel_px for layer in traced]
    assert names == [1, 1, 5, 3]  # in order of execution
    # after the concatenation: 5 of the wide branch + 2 steps of its stride of 2
    assert [layer.field_px for layer in traced] == [1, 1, 5, 9]
    # the longest way to the last layer leads through the two narrow ones
    assert [layer.depth for layer in traced] == [1, 2, 1, 3]
    # the wide branch is padded by 2, and the last by one of its steps of 2
    assert [layer.start_px for layer in traced] == [0, 0, -2, -4]


def test_multiply_adds_are_weights_times_positions() -> None:
    grouped = nn.Conv2d(4, 6, 3, padding=1, groups=2)
    network = nn.Sequential(grouped, nn.Flatten(), nn.Linear(6 * 5 * 5, 7))
    traced = [layer for layer, _ in trace(network, torch.zeros(1, 4, 5, 5))]
    # 3 x 3 weights on 2 of the 4 inputs for 6 maps at 25 positions; 150 inputs, 7 units
    assert [layer.multiply_adds for layer in traced] == [9 * 2 * 6 * 25, 150 * 7]
    assert [layer.n_parameters for layer in traced] == [9 * 2 * 6 + 6, 150 * 7 + 7]


def test_kernels_of_a_fully_connected_layer_are_images() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(20, 3))
    kernels = first_kernels(network, 4, 5)
    assert kernels.shape == (3, 4, 5)
    assert kernels[1, 2, 3] == network[1].weight[1, 13]


def test_pictures_are_written_and_not_blank(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = lenet5.network(28, 28, 10, dropout=0.0)
    paths = save_pictures(network, torch.rand(1, 1, 28, 28), tmp_path / "new")
    names = ["kernels", "feature_maps", "receptive_fields"]
    assert [path.name for path in paths] == [f"{name}.png" for name in names]
    for path in paths:
        picture = cv2.imread(str(path))
        assert picture.shape[0] > 100 and picture.shape[1] > 300
        assert len(np.unique(picture)) > 20
