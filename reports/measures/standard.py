"""The standard measures: errors, costs, calibration and scores per class."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.evaluation import (
    balanced_accuracy,
    confusion_matrix,
    expected_calibration_error,
    half_error_rates,
    log_loss,
    macro_f1,
    mcnemar_exact,
    mean_and_deviation,
    wilson_interval,
)
from visbase.reports.measures import (
    MARKDOWN,
    SHORT,
    TERMINAL,
    IntArray,
    Measure,
    Row,
    Runs,
    format_value,
    of_labels,
    of_probabilities,
    of_records,
)
from visbase.reports.published import lecture_figure

ORDER = 0


def _error(runs: Runs) -> float:
    return mean_and_deviation(runs.errors_pct)[0] if runs.good else math.nan


def _deviation(runs: Runs) -> float:
    return mean_and_deviation(runs.errors_pct)[1] if runs.good else math.nan


def _interval(side: int) -> Callable[[Runs], float]:
    def bound(runs: Runs) -> float:
        if not runs.good:
            return math.nan
        n = runs.records[runs.good[0]].n_test
        return 100 * wilson_interval(_error(runs) * n / 100, n)[side]

    return bound


def _published(runs: Runs) -> float:
    figure = lecture_figure(runs.records[0].dataset, runs.method)
    return math.nan if figure is None else figure.error_pct


def _p_next(runs: Runs) -> float:
    if runs.better is None or not runs.good or not runs.better.good:
        return math.nan
    truth, ours = runs.answers
    return mcnemar_exact(truth, ours, runs.better.answers[1])


def _half(which: int) -> Callable[[Runs], float]:
    return of_labels(lambda *both: 100 * half_error_rates(*both)[which])


def _confusion(truth: IntArray, prediction: IntArray) -> NDArray[np.int64]:
    """Count over the labels that occur, (C, C); absent classes would only add zeros."""
    labels, codes = np.unique([truth, prediction], return_inverse=True)
    first, second = codes.reshape(2, -1)
    return confusion_matrix(first, second, len(labels))


def _error_cell(row: Row) -> str:
    error, spread = (
        format_value(row[name], ".2f") for name in ("error_pct", "deviation_pct")
    )
    return f"{error} ± {spread}" if spread else error


def _interval_cell(row: Row) -> str:
    low, high = (format_value(row[name], ".2f") for name in ("low_pct", "high_pct"))
    return f"{low} to {high}" if low else ""


def _condition(row: Row) -> str:
    figure = row.lecture
    if figure is None:
        return ""
    text = f"{figure.condition} ({figure.source})."
    return f"{text} Ours: {figure.ours}." if figure.ours else text


MEASURES = (
    Measure(
        "error_pct",
        "error (%)",
        "lower",
        ".2f",
        _error,
        "Misclassified test images: mean over seeds, ± the sample standard deviation.",
        short=SHORT,
        rank=1,
        cell=_error_cell,
    ),
    Measure("deviation_pct", "", "lower", ".2f", _deviation, "Of the error."),
    Measure(
        "low_pct",
        "95 % interval",
        "lower",
        ".2f",
        _interval(0),
        "Wilson's interval of the mean error.",
        short=SHORT,
        rank=1,
        cell=_interval_cell,
    ),
    Measure("high_pct", "", "lower", ".2f", _interval(1), "Upper end of the interval."),
    Measure(
        "n_seeds",
        "seeds",
        "",
        "d",
        lambda runs: len(runs.first_of_seeds),
        "Number of seeds that did not fail; means are over these.",
        short=SHORT,
        exact="",
    ),
    Measure(
        "lecture_pct",
        "published (%)",
        "",
        "g",
        _published,
        "A published figure for this kind of method; its note has the source.",
        short=SHORT,
        exact="",
        rank=1,
        remark=_condition,
    ),
    Measure(
        "p_next",
        "p",
        "",
        ".2g",
        _p_next,
        "McNemar's exact test against the next better method (first seed of each).",
        short=(MARKDOWN,),
        exact="",
    ),
    Measure(
        "fit_s",
        "fit (s)",
        "lower",
        ".0f",
        of_records(lambda record: record.fit_s),
        "Wall-clock seconds from training images to model, mean over seeds.",
        short=SHORT,
        exact=".2f",
    ),
    Measure(
        "predict_s",
        "predict (s)",
        "lower",
        ".1f",
        of_records(lambda record: record.predict_s),
        "Wall-clock seconds from test images to labels, mean over seeds.",
        short=(TERMINAL, MARKDOWN),
        exact=".2f",
    ),
    Measure(
        "n_parameters",
        "parameters",
        "lower",
        ",.0f",
        of_records(lambda record: record.n_parameters),
        "Learned numbers, mean over seeds.",
        exact=".2f",
    ),
    Measure(
        "peak_rss_mb",
        "peak memory (MiB)",
        "lower",
        ",.0f",
        of_records(lambda record: record.peak_rss_mb),
        "Peak memory of the process, mean over seeds.",
        exact=".2f",
    ),
    Measure(
        "first_half_pct",
        "first half (%)",
        "lower",
        ".2f",
        _half(0),
        "Error on the first half of the test images; in MNIST, by students.",
    ),
    Measure(
        "last_half_pct",
        "last half (%)",
        "lower",
        ".2f",
        _half(1),
        "Error on the last half of the test images; in MNIST, by employees.",
    ),
    Measure(
        "calibration_pct",
        "calibration error (%)",
        "lower",
        ".2f",
        of_probabilities(lambda *both: 100 * expected_calibration_error(*both)),
        "Mean gap between confidence and accuracy, if the scores are probabilities.",
    ),
    Measure(
        "macro_f1_pct",
        "macro-F1 (%)",
        "higher",
        ".2f",
        of_labels(lambda *both: 100 * macro_f1(_confusion(*both))),
        "Harmonic mean of precision and recall, averaged over classes.",
    ),
    Measure(
        "balanced_accuracy_pct",
        "balanced accuracy (%)",
        "higher",
        ".2f",
        of_labels(lambda *both: 100 * balanced_accuracy(_confusion(*both))),
        "Recall averaged over classes: every class counts the same, whatever its size.",
    ),
    Measure(
        "log_loss",
        "log-loss",
        "lower",
        ".3f",
        of_probabilities(log_loss),
        "Mean of -log p(true class), if the scores are probabilities.",
    ),
)
