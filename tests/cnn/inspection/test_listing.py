"""A network's page, line by line as the lecture's of VGG."""

import re

import pytest

from visbase.cnn.inspection.listing import listing
from visbase.pipeline.errors import BadInput
from visbase.reports.lecture.networks import VGG_LECTURE


def test_page_of_vgg_is_the_lectures() -> None:
    *lines, memory, parameters, multiply_adds = listing("vgg16")
    squeezed = [re.sub(" +", " ", line) for line in lines]
    assert squeezed[:4] == [
        "INPUT: [224x224x3] memory: 224*224*3 = 150,528 sees: 1 weights: 0",
        "CONV3-64: [224x224x64] memory: 224*224*64 = 3,211,264 sees: 3 weights: "
        "(3*3*3)*64 = 1,728",
        "CONV3-64: [224x224x64] memory: 224*224*64 = 3,211,264 sees: 5 weights: "
        "(3*3*64)*64 = 36,864",
        "POOL2: [112x112x64] memory: 112*112*64 = 802,816 sees: 6 weights: 0",
    ]
    assert squeezed[-3].endswith("sees: all weights: 7*7*512*4096 = 102,760,448")
    weights = [int(line.split()[-1].replace(",", "")) for line in lines[1:]]
    assert weights == [count for _, count in VGG_LECTURE]
    assert memory == "memory: 15,237,608 values, 61.0 MB as float32"
    assert parameters == (
        "parameters: 138,357,544 (138,344,128 weights, 13,416 intercepts)"
    )
    assert multiply_adds == "multiply-adds: 15,470,264,320"


def test_page_of_a_network_for_digits_starts_at_a_digit() -> None:
    lines = listing("lenet5")
    assert lines[0].startswith("INPUT: [28x28x1]")
    assert "parameters: 61,706 (61,470 weights, 236 intercepts)" in lines
    assert listing("committee")[-1] == "one of 5 such networks"


@pytest.mark.parametrize("name", ["maxout", "cuda_convnet_stochastic"])
def test_pooling_and_maxout_hand_the_receptive_field_on(name: str) -> None:
    lines = listing(name)
    assert lines[0].startswith("INPUT: [32x32x3]")
    fields = [line.partition("sees: ")[2].split()[0] for line in lines[1:7]]
    assert fields == ["5", "7", "15", "19", "35", "43"]  # by hand


def test_parameters_outside_of_layers_are_named() -> None:
    assert "14,688 in slopes of rectified units" in listing("prelu_net_a")[-2]
    assert "17,024 in batch normalisation" in listing("resnet34_b")[-2]


def test_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"unknown network 'vgg'.* vgg16.* lenet5"):
        listing("vgg")
