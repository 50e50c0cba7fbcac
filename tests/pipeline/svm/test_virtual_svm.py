"""Two passes: support vectors, then support vectors and their distorted copies."""

from typing import Any

import numpy as np
import pytest

from visbase.pipeline.datasets.splits import Dataset
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import unit_rows
from visbase.pipeline.images.deskew import deskew
from visbase.pipeline.images.distort import Distortion
from visbase.pipeline.images.jitter import offsets_within, shift
from visbase.pipeline.svm.kernel import Kernel, fit_svm
from visbase.pipeline.svm.virtual import VirtualSVM

KERNEL = Kernel("poly", 1.0, degree=4)
C = 10.0


def fitted(mnist: Dataset, n: int, **settings: Any) -> VirtualSVM:
    settings = {"spreads_px": (0.0,), "jitter_px": 0, "copies": 0, **settings}
    machine = VirtualSVM(KERNEL, C, **settings, distortion=Distortion(), seed=0)
    machine.fit(mnist.train.images[:n], mnist.train.labels[:n])
    return machine


def test_virtual_support_vectors_make_shifted_digits_readable(mnist: Dataset) -> None:
    shifted = np.roll(mnist.test.images[:500], 2, axis=2)  # margins of 4 are black
    errors = []
    for jitter_px in (0, 2):
        machine = fitted(mnist, 300, jitter_px=jitter_px)
        errors.append(np.mean(machine.predict(shifted) != mnist.test.labels[:500]))
    assert errors[1] < 0.8 * errors[0]


def test_second_pass_keeps_only_support_vectors_and_shifts(mnist: Dataset) -> None:
    images, labels = mnist.train.images[:400], mnist.train.labels[:400]
    upright = deskew(images)
    first = fit_svm(unit_rows(upright), labels, KERNEL, C, "ovr")
    (second,) = fitted(mnist, 400, jitter_px=1).svms_
    steps = ((0, 0), *offsets_within(1))
    for p in range(10):
        own = upright[first.rows[first.coefficients[:, p] != 0]]
        shifted = np.concatenate([shift(own, dx, dy) for dx, dy in steps])
        allowed = {row.tobytes() for row in unit_rows(shifted)}
        used = second.support[second.coefficients[:, p] != 0]
        assert {row.tobytes() for row in used} <= allowed


def test_decisions_of_all_normalisations_are_added(mnist: Dataset) -> None:
    images = mnist.test.images[:50]
    deskewed, narrowed, both = (
        fitted(mnist, 400, spreads_px=spreads_px, copies=1).scores(images)
        for spreads_px in ((0.0,), (3.6,), (0.0, 3.6))
    )
    np.testing.assert_allclose(deskewed + narrowed, both, rtol=1e-5)
    assert np.abs(deskewed - narrowed).max() > 0.1


def test_no_normalisation_is_refused(mnist: Dataset) -> None:
    with pytest.raises(BadInput, match="at least one"):
        fitted(mnist, 10, spreads_px=())


def test_copies_of_a_support_vector_do_not_depend_on_the_others(mnist: Dataset) -> None:
    machine = VirtualSVM(KERNEL, C, (0.0,), 1, 2, Distortion(), 0)
    upright, few = mnist.train.images[:40], np.array([3, 20, 39])
    every, some = (
        machine._virtual(upright, rows) for rows in (np.arange(len(upright)), few)
    )
    assert len(every) == len(some) == 1 + 8 + 2
    for all_copies, copies in zip(every, some, strict=True):
        np.testing.assert_array_equal(copies, all_copies[few])
