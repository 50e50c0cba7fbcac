"""AlexNet in two groups (Krizhevsky et al. 2012, section 3.5), and torchvision's.

    layer                     output          parameters   multiply-adds
    convolution 11 x 11 / 4   96 x 55 x 55        34,944     105,415,200
    max pooling 3 x 3 / 2     96 x 27 x 27
    convolution 5 x 5        256 x 27 x 27       307,456     223,948,800   2 groups
    max pooling 3 x 3 / 2    256 x 13 x 13
    convolution 3 x 3        384 x 13 x 13       885,120     149,520,384
    convolution 3 x 3        384 x 13 x 13       663,936     112,140,288   2 groups
    convolution 3 x 3        256 x 13 x 13       442,624      74,760,192   2 groups
    max pooling 3 x 3 / 2    256 x  6 x  6
    linear                  4096              37,752,832      37,748,736
    linear                  4096              16,781,312      16,777,216
    linear                  1000               4,097,000       4,096,000
                                              60,965,224     724,406,816

The paper says 224 pixels, of which 11 x 11 windows at every fourth do not make 55: its
arithmetic needs 227. It counts 253,440 neurons in the first layer (below figure 2), and
650,000 in all (abstract); 55 x 55 x 96 are 290,400, and all layers have 659,272.

torchvision's is the later one of Krizhevsky 2014: 64, 192, 384, 256 and 256 maps, no
groups, no response normalisation, 61,100,840 parameters, and dropout before instead of
after each of the first two linear layers.
"""

from __future__ import annotations

from torch import nn

from visbase.cnn.imagenet import TORCHVISION, Network
from visbase.cnn.imagenet.torchvision_networks import models


def alexnet(n_classes: int) -> nn.Module:
    """The network of the paper, initialised as in its section 5."""
    network = nn.Sequential(
        nn.Conv2d(3, 96, 11, 4),
        nn.ReLU(),
        _normalisation(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2),
        nn.ReLU(),
        _normalisation(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(256 * 6 * 6, 4096),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, n_classes),
    )
    layers = [m for m in network if isinstance(m, nn.Conv2d | nn.Linear)]
    for number, layer in enumerate(layers, 1):
        nn.init.normal_(layer.weight, std=0.01)
        assert layer.bias is not None
        nn.init.constant_(layer.bias, float(number in (2, 4, 5, 6, 7)))
    return network


def _normalisation() -> nn.Module:
    # the paper's alpha is 1e-4 for the sum over 5 maps; torch's is for their mean
    return nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0)


def torchvision_alexnet(n_classes: int) -> nn.Module:
    network: nn.Module = models.alexnet(num_classes=n_classes)
    return network


NETWORKS = {
    "alexnet": Network(alexnet, 2012, 0, 18.2, "Krizhevsky et al. 2012", side_px=227),
    "alexnet_torchvision": Network(
        torchvision_alexnet, 2014, 43.48, 20.93, TORCHVISION
    ),
}
