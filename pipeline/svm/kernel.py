"""Support vector machines: fitted by a library, kept as arrays, scored in batches.

There is one machine per pair of classes (one-vs-one, Knerr et al. 1990) or one per
class (one-vs-rest, Vapnik 1995). Each is fitted by scikit-learn's SVC, or on x86-64 by
the faster SVC of scikit-learn-intelex, or, if it is linear and there are many rows, by
`linear.descend`. The result is kept as plain arrays, so that a
model can be saved without pickle and scores a batch by two matrix products.
"""

from __future__ import annotations

import importlib.util
import itertools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import Arrays, Track, check_layout, untracked
from visbase.pipeline.errors import BadInput
from visbase.pipeline.svm.linear import MANY, descend, shortened

FloatArray = NDArray[np.float32]

LAYOUT = {  # of KernelSVM.arrays, see `check_layout`
    "classes": "int64 C",
    "support": "float32 s d",
    "rows": "int64 s",
    "coefficients": "float32 s P",
    "intercepts": "float32 P",
}
BLOCK = 2000  # rows scored at a time
CACHE_MB = 1000  # for kernel values during the fit; 2000 would save 4 % of its time


@dataclass(frozen=True)
class Kernel:
    """k(x, y): "linear" x.y; "poly" (gamma x.y + 1)^degree; "rbf" exp(-gamma |x-y|^2).

    gamma in units of 1 / features^2.
    """

    name: Literal["linear", "poly", "rbf"]
    gamma: float = 1.0
    degree: int = 3

    def __post_init__(self) -> None:
        if self.name not in ("linear", "poly", "rbf"):
            raise BadInput(f"kernel={self.name}: expected linear, poly or rbf")

    def matrix(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Compute kernel values (n, m) of rows x (n, d) and y (m, d)."""
        products = x @ y.T
        if self.name == "linear":
            return products
        if self.name == "poly":
            products *= np.float32(self.gamma)
            products += 1
            return np.power(products, self.degree, out=products)
        # |x - y|^2 = |x|^2 + |y|^2 - 2 x.y, without a second large array
        products *= 2
        products -= np.einsum("nd,nd->n", x, x)[:, None]
        products -= np.einsum("md,md->m", y, y)
        np.minimum(products, 0, out=products)
        products *= np.float32(self.gamma)
        return np.exp(products, out=products)


@dataclass(frozen=True)
class KernelSVM:
    """P fitted machines over C classes: C (C - 1) / 2 one-vs-one, or C one-vs-rest.

    classes (C,) labels; support (s, d) training rows with a weight in any machine; rows
    (s,) their positions in the training set; coefficients (s, P) signed weights;
    intercepts (P,). With a linear kernel, the support vectors of each machine are
    summed in advance: support (P, d) holds the normals, coefficients (P, P) is the
    identity. A positive decision of the pair (a, b) is for a; that of a one-vs-rest
    machine is for its class.
    """

    kernel: Kernel
    multi_class: str
    classes: NDArray[np.int64]
    support: FloatArray
    rows: NDArray[np.int64]
    coefficients: FloatArray
    intercepts: FloatArray

    @property
    def n_parameters(self) -> int:
        """Count the numbers in support vectors, coefficients and intercepts."""
        return self.support.size + self.coefficients.size + self.intercepts.size

    def decisions(self, features: FloatArray) -> FloatArray:
        """Compute the decision value of every machine: (n, d) -> (n, P)."""
        result = np.empty((len(features), len(self.intercepts)), np.float32)
        for start in range(0, len(features), BLOCK):
            rows = slice(start, start + BLOCK)
            values = self.kernel.matrix(features[rows], self.support)
            result[rows] = values @ self.coefficients + self.intercepts
        return result

    def slope(self, features: FloatArray, a: int, b: int) -> FloatArray:
        """Compute the gradient (d,) of the decision for class a against b.

        a and b are class indices, features (d,) the point. One-vs-rest has no machine
        for the pair: the difference of the two classes' decisions is used.
        """
        if self.multi_class == "ovr":
            weights = self.coefficients[:, a] - self.coefficients[:, b]
        else:
            pairs = list(itertools.combinations(range(len(self.classes)), 2))
            weights = self.coefficients[:, pairs.index((min(a, b), max(a, b)))]
            weights = weights if a < b else -weights
        kernel = self.kernel
        if kernel.name == "linear":
            return np.asarray(weights @ self.support, np.float32)
        if kernel.name == "poly":
            inner = kernel.gamma * (self.support @ features) + 1
            weights = weights * kernel.degree * inner ** (kernel.degree - 1)
            return np.asarray(kernel.gamma * (weights @ self.support), np.float32)
        weights = weights * kernel.matrix(features[None], self.support)[0]
        towards = weights @ self.support - weights.sum() * features
        return np.asarray(2 * kernel.gamma * towards, np.float32)

    def margins(self, features: FloatArray, labels: NDArray[np.int64]) -> FloatArray:
        """Compute the smallest decision in favour of the true class.

        features (n, d), labels (n,) among the classes -> (n,). At 1 the margin ends,
        and below 0 a machine is wrong. One-vs-one takes the minimum over the machines
        of the true class (infinity for a single class), one-vs-rest over all machines.
        """
        decisions = self.decisions(features)
        if self.multi_class == "ovr":
            is_true_class = labels[:, None] == self.classes
            return np.where(is_true_class, decisions, -decisions).min(axis=1)
        smallest = np.full(len(features), np.inf, np.float32)
        for p, (a, b) in enumerate(itertools.combinations(self.classes, 2)):
            for label, sign in ((a, 1), (b, -1)):
                rows = labels == label
                smallest[rows] = np.minimum(smallest[rows], sign * decisions[rows, p])
        return smallest

    def scores(self, features: FloatArray) -> FloatArray:
        """Compute decisions (one-vs-rest) or votes (one-vs-one): (n, d) -> (n, C).

        Summed decisions break ties between votes, as in SVC's decision_function with
        decision_function_shape="ovr".
        """
        decisions = self.decisions(features)
        if self.multi_class == "ovr":
            return decisions
        votes = np.zeros((len(features), len(self.classes)), np.float32)
        confidence = np.zeros_like(votes)
        for p, (a, b) in enumerate(itertools.combinations(range(len(self.classes)), 2)):
            votes[:, a] += decisions[:, p] > 0
            votes[:, b] += decisions[:, p] <= 0
            confidence[:, a] += decisions[:, p]
            confidence[:, b] -= decisions[:, p]
        return votes + confidence / (3 * (np.abs(confidence) + 1))

    def predict(self, features: FloatArray) -> NDArray[np.int64]:
        """Predict the class with the highest score: (n, d) -> (n,)."""
        return self.classes[self.scores(features).argmax(axis=1)]

    def arrays(self) -> Arrays:
        """Return the learned arrays by name; kernel and multi_class are settings."""
        return {name: getattr(self, name) for name in LAYOUT}


def fit_svm(
    features: FloatArray,
    labels: NDArray[np.int64],
    kernel: Kernel,
    c: float,
    multi_class: str = "ovo",
    takes_part: NDArray[np.bool_] | None = None,
    balanced: bool = False,
    track: Track = untracked,
) -> KernelSVM:
    """Fit one machine per pair of classes, or with multi_class="ovr" one per class.

    features (n, d) finite; labels (n,); c the weight of margin violations; takes_part
    (n, P) the rows that each machine is fitted on, by default all rows of its classes;
    balanced: whether c is larger for rows of small classes, times n / (C n_class).
    With a single class no machine is fitted, and that class is always predicted.
    With "ovr", a linear kernel and more than MANY rows, intercepts have a small cost.
    Raises ValueError if there are no rows or values are not finite.
    """
    n = len(features)
    if n == 0:
        raise ValueError("no training rows to fit a support vector machine on")
    if not all(np.isfinite(features[i : i + BLOCK]).all() for i in range(0, n, BLOCK)):
        raise ValueError(
            "expected finite features, found NaN or infinity; check the images"
        )
    if c <= 0 or kernel.gamma <= 0:
        raise BadInput(f"c={c}, gamma={kernel.gamma}: expected values above 0")
    if multi_class not in ("ovo", "ovr"):
        raise BadInput(f"multi_class={multi_class}: expected ovo or ovr")
    classes, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = (n / len(classes) / counts)[index]
    machines: list[tuple[Any, Any]] = list(itertools.combinations(classes, 2))
    if multi_class == "ovr" and machines:
        machines = [(a, None) for a in classes]
    linear = kernel.name == "linear"
    one_per_class = multi_class == "ovr" and len(machines) and takes_part is None
    if linear and one_per_class and n > MANY:
        is_class = labels[:, None] == classes
        costs = c * (weights if balanced else np.ones(n))
        normals, intercepts, duals = descend(features, is_class, costs, track)
        carry, eye = np.flatnonzero(duals.any(axis=1)), np.eye(len(normals))
        parts = (normals, carry, eye.astype(np.float32), intercepts)
        return KernelSVM(kernel, multi_class, classes, *parts)
    inputs = shortened(features) if linear else features
    coefficients = np.zeros((len(features), len(machines)), np.float32)
    intercepts = np.zeros(len(machines), np.float32)
    for p, (a, b) in enumerate(track(machines, "support vectors", len(machines))):
        chosen = (labels == a) | ((labels == b) if b is not None else True)
        if takes_part is not None:
            chosen &= takes_part[:, p]
        rows = np.flatnonzero(chosen)
        given = {"sample_weight": weights[rows]} if balanced else {}
        machine = svc(kernel, c).fit(inputs[rows], labels[rows] == a, **given)
        coefficients[rows[machine.support_], p] = machine.dual_coef_[0]
        intercepts[p] = machine.intercept_[0]
    carry = np.flatnonzero(coefficients.any(axis=1))
    if linear:  # without a copy of the features, which may take gigabytes
        support = coefficients.T @ features
        coefficients = np.eye(len(support), dtype=np.float32)
    else:
        support, coefficients = features[carry], coefficients[carry]
    return KernelSVM(
        kernel,
        multi_class if machines else "ovo",
        classes,
        support,
        carry,
        coefficients,
        intercepts,
    )


def restore_svm(kernel: Kernel, multi_class: str, arrays: Arrays) -> KernelSVM:
    """Restore an SVM from its `arrays`; BadInput if they contradict the settings."""
    normals = {"rows": "int64 r"} if kernel.name == "linear" else {}
    sizes = check_layout(arrays, LAYOUT | normals)
    svm, n_classes = assemble(kernel, multi_class, arrays), sizes["C"]
    n_pairs = n_classes * (n_classes - 1) // 2
    expected = {"ovo": n_pairs, "ovr": n_classes}.get(svm.multi_class)
    if sizes["P"] != expected:
        raise BadInput(
            f"{sizes['P']} support vector machines do not fit {n_classes} classes, "
            f"multi_class={svm.multi_class}"
        )
    return svm


def assemble(kernel: Kernel, multi_class: str, arrays: Arrays) -> KernelSVM:
    """Create an SVM from its `arrays`; with one class it has no machines."""
    multi_class = multi_class if len(arrays["intercepts"]) else "ovo"
    return KernelSVM(kernel, multi_class, **arrays)


def svc(kernel: Kernel, c: float) -> Any:
    """Create an unfitted SVC of the fastest installed library."""
    return svc_class()(
        C=c,
        kernel=kernel.name,
        gamma=kernel.gamma,
        degree=kernel.degree,
        coef0=1.0,
        cache_size=CACHE_MB,
    )


def svm_library() -> str:
    """Name the distribution whose SVC is used, as the versions in a record do."""
    is_installed = importlib.util.find_spec("sklearnex") is not None
    return "scikit-learn-intelex" if is_installed else "scikit-learn"


def svc_class() -> Any:
    """Import the class SVC of that library."""
    if svm_library() == "scikit-learn-intelex":
        import sklearnex.svm

        return sklearnex.svm.SVC
    import sklearn.svm

    return sklearn.svm.SVC
