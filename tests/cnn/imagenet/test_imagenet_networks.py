"""The ImageNet networks against the papers, torchvision and hand arithmetic."""

import math
import re
import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from visbase.cnn.imagenet import find_networks
from visbase.cnn.imagenet.bn_inception import BNInception
from visbase.cnn.imagenet.prelu_net import SpatialPyramid
from visbase.cnn.imagenet.resnet import ZeroPadded
from visbase.cnn.imagenet.torchvision_networks import models
from visbase.cnn.inspection.layers import trace
from visbase.cnn.inspection.tables import LAYERS, imagenet_network
from visbase.pipeline.experiments.measured import ImageNetNetwork
from visbase.pipeline.storage import ROOT
from visbase.pipeline.storage.tables import read_rows

NETWORKS = find_networks()
FACTS = {  # layers, parameters, multiply-adds; receptive field of the last map
    "alexnet": (8, 60_965_224, 724_406_816, 195),
    "alexnet_torchvision": (8, 61_100_840, 714_188_480, 195),
    "vgg16": (16, 138_357_544, 15_470_264_320, 212),
    "googlenet": (22, 6_998_552, 1_582_671_872, 715),
    "googlenet_torchvision": (22, 6_624_904, 1_498_376_192, 379),
    "prelu_net_a": (19, 178_017_384 + 14_688, 19_058_106_368, 301),
    "prelu_net_b": (22, 183_327_080 + 15_968, 23_219_904_512, 357),
    "prelu_net_c": (22, 330_603_368 + 20_576, 53_463_130_112, 357),
    "bn_inception": (34, 11_295_240, 2_032_600_064, 699),
    "resnet34_a": (34, 21_623_848, 3_644_493_824, 899),
    "resnet34_b": (34, 21_797_672, 3_663_761_408, 899),
    "resnet34_c": (34, 22_716_840, 3_830_747_136, 899),
    "resnet50": (50, 25_557_032, 4_089_184_256, 427),
    "resnet101": (101, 44_549_160, 7_801_405_440, 971),
    "resnet152": (152, 60_192_808, 11_513_626_624, 1451),
}


def test_every_network_has_the_size_that_the_papers_or_their_weights_have() -> None:
    # another test compares this table with the networks
    rows = read_rows(LAYERS / "imagenet.csv", ImageNetNetwork)
    assert {
        row.network: (row.n_layers, row.n_parameters, row.multiply_adds, row.field_px)
        for row in rows
    } == FACTS


def test_page_about_the_networks_has_the_numbers_of_the_table() -> None:
    rows = {
        row.network: f"| `{row.network}` | {row.n_layers} | {row.n_parameters:,} | "
        f"{row.multiply_adds / 1e9:.2f} x 10⁹ | {row.activation_bytes / 1e6:.1f} MB | "
        f"{row.field_px} px | "
        f"{f'{row.top1_error_pct:.2f}' if row.top1_error_pct else '-'} / "
        f"{row.top5_error_pct:.2f} |"
        for row in read_rows(LAYERS / "imagenet.csv", ImageNetNetwork)
    }
    text = (ROOT / "docs" / "networks.md").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(lines) == 10  # the lecture's
    assert lines == [rows[line.split("`")[1]] for line in lines]


def test_docstrings_have_the_numbers_of_their_networks() -> None:
    slopes = {"prelu_net_a": 14_688, "prelu_net_b": 15_968, "prelu_net_c": 20_576}
    in_alexnets_text = ("alexnet_torchvision", "googlenet_torchvision")
    for file in ("alexnet", "vgg", "googlenet", "prelu_net", "bn_inception", "resnet"):
        module = sys.modules[f"visbase.cnn.imagenet.{file}"]
        for name in module.NETWORKS:
            _, n_parameters, multiply_adds, _ = FACTS[name]
            assert f"{n_parameters - slopes.get(name, 0):,}" in module.__doc__
            if name not in in_alexnets_text:
                assert f"{multiply_adds:,}" in module.__doc__


def test_rows_of_the_docstrings_are_those_of_the_layers() -> None:
    layers = {
        name: imagenet_network(NETWORKS[name])[1]
        for name in ("alexnet", "vgg16", "googlenet")
    }
    counts = {"alexnet": [x.n_parameters for x in layers["alexnet"]]}
    counts["alexnet"] += [x.multiply_adds for x in layers["alexnet"]]
    for name, sides in {"vgg16": (224, 112, 56, 28, 14), "googlenet": (28, 14)}.items():
        stages = [[x for x in layers[name] if x.shape[-1] == side] for side in sides]
        counts[name] = [
            sum(getattr(layer, what) for layer in stage)
            for stage in stages
            for what in ("n_parameters", "multiply_adds")
        ]
    for name, file in {**{n: n for n in counts}, "vgg16": "vgg"}.items():
        text = sys.modules[f"visbase.cnn.imagenet.{file}"].__doc__ or ""
        assert [n for n in counts[name] if n and f"{n:,}" not in text] == []
    units = [math.prod(x.shape) for x in layers["alexnet"] if x.n_weights]
    assert (units[0], sum(units)) == (290_400, 659_272)


def test_every_module_of_bn_inception_has_the_parameters_of_the_docstring() -> None:
    with torch.device("meta"):
        sizes = {k: p.numel() for k, p in BNInception(1000).named_parameters()}
    text = sys.modules["visbase.cnn.imagenet.bn_inception"].__doc__ or ""
    for pattern in ("3[ab]", "3c", "4[a-d]", "4e", "5[ab]"):
        count = sum(
            n for name, n in sizes.items() if re.match(f"inception_{pattern}_", name)
        )
        assert f" {count:,} " in text


@pytest.mark.parametrize(
    ("name", "multiply_adds", "field_px"),
    [
        ("resnet50", 3_857_973_248, 483),
        pytest.param("resnet101", 7_570_194_432, 1027, marks=pytest.mark.slow),
        pytest.param("resnet152", 11_282_415_616, 1507, marks=pytest.mark.slow),
    ],
)
def test_papers_place_of_the_stride_gives_the_papers_multiply_adds(
    name: str, multiply_adds: int, field_px: int
) -> None:
    """3.8, 7.6, 11.3 x 10^9 (table 1); fields as in Araujo et al. 2019."""
    with torch.device("meta"):
        network = NETWORKS[name].make(1000)
        for block in network.modules():
            if hasattr(block, "conv3"):
                block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)
        layers = [layer for layer, _ in trace(network, torch.zeros(1, 3, 224, 224))]
    assert sum(layer.multiply_adds for layer in layers) == multiply_adds
    assert max(layer.field_px or 0 for layer in layers) == field_px
    assert FACTS[name][1] == sum(p.numel() for p in network.parameters())


def test_networks_of_torchvision_have_the_names_and_shapes_of_its_weights() -> None:
    def shapes(network: nn.Module) -> dict[str, torch.Size]:
        return {name: values.shape for name, values in network.state_dict().items()}

    theirs = {
        **{"alexnet_torchvision": "alexnet", "vgg16": "vgg16"},
        **{"resnet34_b": "resnet34", "resnet50": "resnet50"},
    }
    with torch.device("meta"):
        for ours, name in theirs.items():
            assert shapes(NETWORKS[ours].make(1000)) == shapes(getattr(models, name)())
        a, b, c = (shapes(NETWORKS[f"resnet34_{o}"].make(1000)) for o in "abc")
    projections = {name for name in c if "downsample" in name}
    assert b.items() <= c.items() and a.items() <= b.items()
    assert {name.split(".downsample")[0] for name in projections} == {
        f"layer{stage}.{block}"
        for stage, n_blocks in enumerate((3, 4, 6, 3), 1)
        for block in range(n_blocks)
    }
    assert not projections & a.keys()


def test_resnet34_b_computes_what_torchvisions_computes() -> None:
    torch.manual_seed(0)
    theirs = models.resnet34(num_classes=5).eval()
    with torch.device("meta"):
        ours, plain = (NETWORKS[f"resnet34_{o}"].make(5).eval() for o in "ba")
    ours.load_state_dict(theirs.state_dict(), assign=True)
    plain.load_state_dict(theirs.state_dict(), assign=True, strict=False)
    x = torch.randn(2, 3, 48, 40)
    with torch.inference_mode():
        assert torch.equal(ours(x), theirs(x))
        # option A differs once the shape has changed
        stem = [nn.Sequential(*[*n.children()][:5])(x) for n in (ours, plain)]
        assert torch.equal(*stem)
        assert not torch.allclose(ours(x), plain(x))


def test_shortcut_of_option_a_takes_every_second_pixel_and_adds_zeros() -> None:
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    y = ZeroPadded(2)(x)
    assert y.tolist() == [[[[0, 2], [8, 10]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]]]


def test_groups_of_alexnet_meet_in_the_third_convolution_alone() -> None:
    with torch.device("meta"):
        network = NETWORKS["alexnet"].make(10)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    for number, convolution in enumerate(convolutions, 1):
        convolution.to_empty(device="cpu").reset_parameters()
        n = convolution.in_channels
        x = torch.rand(1, n, 11, 11, requires_grad=True)
        convolution(x)[0, : convolution.out_channels // 2].sum().backward()
        assert x.grad is not None
        reads_all = bool(x.grad[0, n - n // 2 :].any())
        assert reads_all == (number in (1, 3))


def test_alexnet_drops_outputs_of_its_hidden_linear_layers() -> None:
    with torch.device("meta"):
        layers = [*NETWORKS["alexnet"].make(10)]  # type: ignore[call-overload]
    hidden = [nn.Linear, nn.ReLU, nn.Dropout]
    assert [type(layer) for layer in layers[-7:]] == [*hidden, *hidden, nn.Linear]


def test_shorter_side_before_the_crop_is_256_or_as_much_longer_as_that() -> None:
    sizes = {224: 256, 227: 256, 299: 342}
    for side_px, resized_px in sizes.items():
        network = replace(NETWORKS["alexnet"], side_px=side_px)
        assert network.resized_px == resized_px


def test_response_normalisation_of_alexnet_is_the_papers() -> None:
    with torch.device("meta"):
        network = NETWORKS["alexnet"].make(10)
    (first, _) = (m for m in network.modules() if isinstance(m, nn.LocalResponseNorm))
    x = torch.zeros(1, 7, 1, 1)
    x[0, 3] = 100.0
    x[0, 5] = 10.0  # within two maps of the fourth
    expected = 100 / (2 + 1e-4 * (100**2 + 10**2)) ** 0.75
    assert float(first(x)[0, 3]) == pytest.approx(expected, rel=1e-6)


def test_spatial_pyramid_has_the_maxima_of_63_cells() -> None:
    x = torch.randn(2, 3, 14, 20)
    y = SpatialPyramid()(x)
    assert y.shape == (2, 3 * 63)
    assert torch.equal(y[:, -3:], x.amax((2, 3)))  # the level of one cell
    halves = x.unflatten(2, (2, 7)).unflatten(4, (2, 10)).amax((3, 5))
    assert torch.equal(y[:, -15:-3], halves.flatten(1))


def test_initialisation_of_prelu_net_keeps_the_activations_variance() -> None:
    torch.manual_seed(0)
    make = NETWORKS["prelu_net_a"].make.func  # type: ignore[attr-defined]
    network = make(10, n_convolutions=5, maps=(32, 32, 32))
    x = torch.randn(2, 3, 112, 112)
    spread = []
    with torch.inference_mode():
        for layer in network[:20]:
            if isinstance(layer, nn.MaxPool2d):
                continue  # which raises the variance
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                spread.append(float(x.std()))
    assert 0.5 < spread[-1] / spread[0] < 2  # with std 0.01 it would fall by 10^8


def test_modules_of_bn_inception_have_the_names_of_the_published_weights() -> None:
    with torch.device("meta"):
        names = BNInception(1000).state_dict().keys()
    assert {
        *("conv1_7x7_s2.weight", "conv1_7x7_s2_bn.running_mean", "conv2_3x3.bias"),
        *("inception_3a_pool_proj_bn.weight", "inception_3c_double_3x3_2.weight"),
        *("inception_5b_double_3x3_reduce.bias", "last_linear.weight"),
    } <= names
    assert not any(name.startswith("inception_3c_1x1") for name in names)


def first_gradient(name: str) -> tuple[Tensor, Tensor]:
    """Logits for a random photograph, and the gradient of the first layer's weights."""
    torch.manual_seed(0)
    entry = NETWORKS[name]
    network = entry.make(1000).eval()
    first = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
    logits = network(torch.randn(1, 3, entry.side_px, entry.side_px))
    # of one layer alone: gradients of all would double the memory
    (gradient,) = torch.autograd.grad(logits[0, 0], first.weight)
    return logits, gradient


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "googlenet" else pytest.mark.slow)
        for name in NETWORKS
    ],
)
def test_gradient_flows_from_the_logits_to_the_first_layer(name: str) -> None:
    logits, gradient = first_gradient(name)
    assert logits.shape == (1, 1000)
    assert bool(logits.isfinite().all()) and float(logits.detach().std()) > 0
    assert bool(gradient.isfinite().all())
    assert bool(gradient.abs().amax((1, 2, 3)).gt(0).float().mean() > 0.9)


def test_fewer_classes_change_only_the_last_layer() -> None:
    for name in ("alexnet", "googlenet", "prelu_net_a", "bn_inception", "resnet34_c"):
        with torch.device("meta"):
            few = NETWORKS[name].make(7)
        n_few = sum(p.numel() for p in few.parameters())
        last = [m for m in few.modules() if isinstance(m, nn.Linear)][-1]
        assert FACTS[name][1] - n_few == (1000 - 7) * (last.in_features + 1)
