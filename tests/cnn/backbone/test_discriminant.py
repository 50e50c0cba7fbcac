"""Linear discriminant analysis: hand arithmetic, and scikit-learn's numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from visbase.cnn.backbone.discriminant import fit_discriminant


def test_two_classes_on_a_line_meet_halfway() -> None:
    # means 1 and 5, variance within 1: log-odds (5 - 1) x - (25 - 1) / 2 = 4 x - 12
    features = np.array([[0], [2], [4], [6]], np.float32)
    weights, intercepts = fit_discriminant(features, np.array([3, 3, 8, 8]), 0.5)
    assert weights[0].tolist() == [1, 5]
    assert np.diff(intercepts) == pytest.approx(-12)


def test_scores_are_those_of_scikit_learn() -> None:
    dice = np.random.default_rng(0)
    labels = dice.integers(0, 4, 90)
    features = dice.normal(size=(90, 120)).astype(np.float32) + labels[:, None] / 4
    weights, intercepts = fit_discriminant(features, labels, 0.3)
    peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3)
    expected = peer.fit(features.astype(float), labels).decision_function(features)
    assert features @ weights + intercepts == pytest.approx(expected, abs=1e-3)


def test_balanced_classes_are_equally_likely() -> None:
    # as above, but twice as many images of one class: log-odds 4 x - 12 all the same
    features = np.array([[0], [2], [4], [6], [4], [6]], np.float32)
    labels = np.array([3, 3, 8, 8, 8, 8])
    weights, intercepts = fit_discriminant(features, labels, 0.5, balanced=True)
    assert weights[0].tolist() == [1, 5]
    assert np.diff(intercepts) == pytest.approx(-12)
    assert np.diff(fit_discriminant(features, labels, 0.5)[1]) > -12


def test_one_class_and_one_image_per_class_are_fitted() -> None:
    features = np.eye(3, dtype=np.float32)
    weights, intercepts = fit_discriminant(features, np.array([7, 7, 7]), 0.3)
    assert weights.shape == (3, 1)
    weights, intercepts = fit_discriminant(features, np.arange(3), 0.3)
    assert (features @ weights + intercepts).argmax(axis=1).tolist() == [0, 1, 2]
