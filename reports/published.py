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


# data set -> method -> the lecture's figure, with the condition behind its label
LECTURE = {
    "mnist": {
        "linear": Published(12.0, "1-layer network, raw pixels", LECUN),
        "svm_rbf": Published(1.4, "raw pixels", LECUN),
        "svm_poly4": Published(1.1, "deskewed", LECUN),
        "svm_virtual": Published(
            0.56,
            "degree 9 polynomial, virtual examples shifted by up to 2 px, deskewed",
            "DeCoste & Schölkopf 2002",
        ),
        "mlp2": Published(3.0, "the label is loose: 300-100 network is 3.05", LECUN),
        "mlp3": Published(2.5, "300-100 network, distorted digits", LECUN),
        "lenet5": Published(0.95, "plain (the lecture prints 0.85)", LECUN),
        "lenet5_distorted": Published(0.85, "huge distortions", LECUN),
        "convnet": Published(0.35, "one large net, elastic", "Ciresan et al. 2011"),
        "committee": Published(
            0.23, "35 nets, width-normalised", "Ciresan et al. 2012"
        ),
    }
}
