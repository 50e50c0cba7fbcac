"""Figures of others that stand beside ours, each with what was measured and where."""

from __future__ import annotations

from dataclasses import dataclass

LECUN = "LeCun, Cortes & Burges, table of results on the MNIST page"


@dataclass(frozen=True)
class Published:
    """A published test error; `condition` says what the figure really is."""

    error_pct: float
    condition: str
    source: str
    ours: str = ""  # in what our row differs from that condition


# data set -> method -> the lecture's figure, with the condition behind its label
LECTURE = {
    "mnist": {
        "linear": Published(
            12.0, "1-layer network, raw pixels", LECUN, "logistic regression"
        ),
        "svm_rbf": Published(
            1.4, "raw pixels", LECUN, "the same, one machine a class against the rest"
        ),
        "svm_poly4": Published(1.1, "deskewed", LECUN, "the same"),
        "svm_virtual": Published(
            0.56,
            "degree 9 polynomial, virtual examples shifted by up to 2 px, deskewed",
            "DeCoste & Schölkopf 2002",
            "random affine copies instead of shifts; two such SVMs, on deskewed digits "
            "and on digits of one width, decisions added",
        ),
        "mlp2": Published(
            3.0,
            "no 2-layer network of that source has it; its 300-100 network has 3.05, "
            "and hidden layers may have been counted",
            LECUN,
            "two weight layers, 800 hidden units, dropout, digits not distorted",
        ),
        "mlp3": Published(
            2.5,
            "300-100 network, distorted digits",
            LECUN,
            "the same sizes, rectified units, affine distortions",
        ),
        "lenet5": Published(
            0.95,
            "plain (the lecture prints 0.85)",
            LECUN,
            "as the lecture draws it: maximum pooling, all maps connected, softmax",
        ),
        "lenet5_distorted": Published(
            0.85,
            "huge distortions (0.8 with distortions)",
            LECUN,
            "the network of `lenet5`, affine and elastic distortions",
        ),
        "convnet": Published(
            0.35,
            "one large net, affine and elastic distortions",
            "Ciresan et al. 2011",
            "a smaller net with batch normalisation, affine distortions",
        ),
        "committee": Published(
            0.23,
            "35 nets, digits normalised to several widths",
            "Ciresan et al. 2012",
            "the idea, with fewer and smaller nets",
        ),
    }
}

# data set -> figures of methods that learn no filters by backpropagation
WITHOUT_LEARNED_FILTERS = {
    "mnist": (
        Published(0.79, "HOG-like blocks, additive-kernel SVM", "Maji & Malik 2009"),
        Published(0.59, "sparse coding, SVM", "Labusch et al. 2008"),
        Published(0.52, "nearest neighbour under image distortion, P2DHMDM", LECUN),
        Published(0.43, "scattering, Gaussian SVM", "Bruna & Mallat 2013"),
        Published(
            0.37,
            "fixed filters, random stage, least squares",
            "McDonnell & Vladusich 2015, arXiv 1503.04596",
        ),
    )
}


def lecture_figure(dataset: str, method: str) -> Published | None:
    return LECTURE.get(dataset, {}).get(method)
