"""VGG of 16 layers (Simonyan & Zisserman 2014, configuration D), torchvision's.

    layers                        output           parameters    multiply-adds
    2 convolutions 3 x 3      64 x 224 x 224           38,720    1,936,392,192
    2 convolutions 3 x 3     128 x 112 x 112          221,440    2,774,532,096
    3 convolutions 3 x 3     256 x  56 x  56        1,475,328    4,624,220,160
    3 convolutions 3 x 3     512 x  28 x  28        5,899,776    4,624,220,160
    3 convolutions 3 x 3     512 x  14 x  14        7,079,424    1,387,266,048
    linear                  4096                  102,764,544      102,760,448
    linear                  4096                   16,781,312       16,777,216
    linear                  1000                    4,097,000        4,096,000
                                                  138,357,544   15,470,264,320

A max pooling 2 x 2 follows each group of convolutions. The source of the published
errors calls it "VGG (v5)" and does not say which configuration it is.
"""

from __future__ import annotations

from torch import nn

from visbase.cnn.imagenet import LECTURE, Network
from visbase.cnn.imagenet.torchvision_networks import models


def vgg16(n_classes: int) -> nn.Module:
    network: nn.Module = models.vgg16(num_classes=n_classes)
    return network


NETWORKS = {"vgg16": Network(vgg16, 2014, 24.4, 7.1, LECTURE)}
