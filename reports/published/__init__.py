"""Published test errors, each with the conditions it was measured under."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput
from visbase.pipeline.evaluation import error_pct, n_errors
from visbase.pipeline.experiments.records import GPU
from visbase.pipeline.storage import tables

LECUN = "LeCun, Cortes & Burges, table of results on the MNIST page"
XIAO = "Xiao, Rasul & Vollgraf 2017, table 3"
SUBMITTED = "submitted to github.com/zalandoresearch/fashion-mnist, not tested there"

SRIVASTAVA = "Srivastava et al. 2014, table 4"
ZEILER = "Zeiler & Fergus 2013"
NARROW = "fewer maps and units, images standardised instead of whitened"

FOLDER = Path(__file__).parent  # of the answers of published models


@dataclass(frozen=True)
class Published:
    """A published test error in percent, what was measured and by whom."""

    error_pct: float
    condition: str
    source: str
    ours: str = ""  # how our method differs from that condition


# dataset -> method -> the lecture's figure, with the condition behind its label
LECTURE = {
    "mnist": {
        "linear": Published(
            12.0, "1-layer network, raw pixels", LECUN, "logistic regression"
        ),
        "svm_rbf": Published(1.4, "raw pixels", LECUN, "the same, one-vs-rest"),
        "svm_poly4": Published(1.1, "deskewed", LECUN, "the same"),
        "svm_virtual": Published(
            0.56,
            "degree 9 polynomial, virtual examples shifted by up to 2 px, deskewed",
            "DeCoste & Schölkopf 2002",
            "random affine copies instead of shifts; the summed decisions of two such "
            "SVMs, one on deskewed digits and one on digits scaled to the same width",
        ),
        "mlp2": Published(
            3.0,
            "no 2-layer network in this source has this error; its 300-100 network "
            "has 3.05 %, so the lecture may have counted hidden layers",
            LECUN,
            "two weight layers, 800 hidden units, dropout, no distortions",
        ),
        "mlp3": Published(
            2.5,
            "300-100 network, distorted digits",
            LECUN,
            "the same layer sizes, ReLU, affine distortions",
        ),
        "lenet5": Published(
            0.95,
            "no distortions (the lecture prints 0.85)",
            LECUN,
            "as drawn in the lecture: max pooling, a second convolution that reads "
            "all maps, softmax",
        ),
        "lenet5_distorted": Published(
            0.85,
            "huge distortions (0.8 with smaller distortions)",
            LECUN,
            "the network of `lenet5` with affine and elastic distortions",
        ),
        "convnet": Published(
            0.35,
            "one large network, affine and elastic distortions",
            "Ciresan et al. 2011",
            "a smaller network with batch normalisation, affine distortions",
        ),
        "committee": Published(
            0.23,
            "35 networks, digits normalised to several widths",
            "Ciresan et al. 2012",
            "the same idea with fewer and smaller networks",
        ),
    },
    "fashion_mnist": {
        "linear": Published(15.8, "logistic regression, C 1", XIAO, "the same, C 0.1"),
        "svm_rbf": Published(
            10.3, "raw pixels, C 10", XIAO, "the same, with a kernel width of its own"
        ),
        "mlp3": Published(
            10.0,
            "256-128-64 units",
            f"lianghong, {SUBMITTED}",
            "300-100 units, images mirrored and moved",
        ),
        "lenet5": Published(
            7.5,
            "2 convolutions, fewer than 100,000 parameters",
            f"hardmaru, {SUBMITTED}",
            "2 convolutions, 61,706 parameters",
        ),
        "resnet": Published(
            5.1,
            "ResNet-18; images mirrored, moved and turned",
            f"Efthymiadis, {SUBMITTED}",
            "14 layers, images mirrored and moved",
        ),
        "convnet": Published(
            3.3,
            "wide residual network 40-4, 8.9 million parameters",
            f"Brock, {SUBMITTED}",
            "6 convolutions, 22 epochs; images mirrored and moved",
        ),
    },
    "cifar10": {
        "patch_words": Published(
            20.4,
            "4,000 k-means words, triangle coding, quadrants, linear SVM",
            "Coates, Lee & Ng 2011",
            "random patches and their mirror images, both signs, ridge regression",
        ),
        "convnet": Published(
            5.99,
            "airbench94, which was chosen on the test images",
            "Jordan 2024, arXiv 2404.00498",
            "the same idea, chosen on held-out training images",
        ),
        "cuda_convnet": Published(15.60, "hand tuned", SRIVASTAVA, NARROW),
        "cuda_convnet_stochastic": Published(
            15.13, "3 convolutions of 64 maps", ZEILER, NARROW
        ),
        "cuda_convnet_searched": Published(
            14.98,
            "Bayesian optimisation of nine settings",
            "Snoek, Larochelle & Adams 2012",
            "random search of the same settings",
        ),
        "cuda_convnet_dropout_fc": Published(
            14.32, "kept with probability 0.5", SRIVASTAVA, NARROW
        ),
        "cuda_convnet_dropout": Published(
            12.61,
            "kept with probability 0.9 (input), 0.75, 0.75, 0.5 (maps), 0.5 (units)",
            SRIVASTAVA,
            NARROW,
        ),
        "maxout": Published(
            11.68,
            "96 to 192 maps, whitened images",
            "Goodfellow et al. 2013",
            "the network of `cuda_convnet_dropout` with two pieces per unit",
        ),
    },
}

# Srivastava et al. 2014, table 4, in its order: method -> the row's name, and its error
# on CIFAR-100; the conditions are those of CIFAR-10
DROPOUT = {
    "cuda_convnet": ("convolutional net, max pooling", 43.48),
    "cuda_convnet_stochastic": ("stochastic pooling", 42.51),
    "cuda_convnet_searched": ("max pooling, settings by search", None),
    "cuda_convnet_dropout_fc": (
        "max pooling, dropout in fully connected layers",
        41.26,
    ),
    "cuda_convnet_dropout": ("max pooling, dropout in all layers", 37.20),
    "maxout": ("maxout", 38.57),
}
LECTURE["cifar100"] = {
    method: replace(LECTURE["cifar10"][method], error_pct=error)
    for method, (_, error) in DROPOUT.items()
    if error is not None
}
WIDE = "wide_"  # at the beginning of the name of a network in its published size

# dataset -> results of methods that learn no filters by backpropagation
WITHOUT_LEARNED_FILTERS = {
    "fashion_mnist": (Published(7.4, "HOG and an SVM", f"subalde, {SUBMITTED}"),),
    "mnist": (
        Published(
            0.79, "HOG-like blocks and an additive-kernel SVM", "Maji & Malik 2009"
        ),
        Published(0.59, "sparse coding and an SVM", "Labusch et al. 2008"),
        Published(0.52, "nearest neighbours under image distortion (P2DHMDM)", LECUN),
        Published(0.43, "scattering and a Gaussian SVM", "Bruna & Mallat 2013"),
        Published(
            0.37,
            "fixed filters, a random stage and least squares",
            "McDonnell & Vladusich 2015, arXiv 1503.04596",
        ),
    ),
    "cifar10": (
        Published(
            16.5,
            "4,096 random patches, training images cropped and mirrored",
            "Thiry et al. 2021",
        ),
        Published(
            14.5,
            "16,384 random patches, the same; 19 hours on 2 GPUs",
            "Thiry et al. 2021",
        ),
        Published(11, "a convolutional kernel on many GPUs", "Li et al. 2019"),
        Published(10, "a compositional kernel on many GPUs", "Shankar et al. 2020"),
    ),
}


class PublishedModel(tables.Row, frozen=True, kw_only=True):
    """What a published model answered; LICENCE.txt has the source.

    file: its name there; answers: a digit per test image, its label.
    """

    KEY = ("model",)
    model: str
    file: str
    summary: str
    answers: Annotated[str, Meta(pattern="^[0-9]+$")]

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Its answers, (n_test,)."""
        return np.frombuffer(self.answers.encode(), np.uint8) - ord("0")


def published_models(
    dataset: str, truth: NDArray[np.integer]
) -> list[tuple[PublishedModel, float]]:
    """Return the models whose answers are known with their errors in percent, counted.

    truth (n_test,): labels of the official test images, in their order. The largest
    error comes first; no model is known for most datasets.
    """
    table = FOLDER / f"{dataset}.csv"
    counted = []
    for model in tables.read_rows(table, PublishedModel):
        if len(model.answers) != len(truth):
            raise BadInput(
                f"{table}: {model.model}: expected an answer for each of the "
                f"{len(truth):,} test images, found {len(model.answers):,}; restore it"
            )
        error = error_pct(n_errors(truth, model.labels), len(truth))
        counted.append((model, error))
    return sorted(counted, key=lambda one: -one[1])


def lecture_figure(dataset: str, method: str) -> Published | None:
    """Return the lecture's figure for a method of whatever size and device, or None."""
    figures = LECTURE.get(dataset, {})
    figure = figures.get(method.removesuffix(GPU).removeprefix(WIDE))
    if figure is not None and method.startswith(WIDE):
        return replace(figure, ours="images standardised instead of whitened")
    return figure


def others_note(dataset: str) -> list[str]:
    """List published errors without learned filters, if any are known."""
    figures = [
        f"{other.error_pct:g} % with {other.condition} ({other.source})"
        for other in WITHOUT_LEARNED_FILTERS.get(dataset, ())
    ]
    note = "Published test errors without filters learned by backpropagation: "
    return [note + "; ".join(figures) + "."] if figures else []


def published_rows(dataset: str, truth: NDArray[np.integer], n_columns: int) -> str:
    """Return a line of a Markdown table per model whose answers are known."""
    models = published_models(dataset, truth)
    empty = " |" * (n_columns - 1)
    return "".join(
        f"| published: {model.model} ({model.summary}) | {error:.2f} |{empty}\n"
        for model, error in models
    )
