"""Share of each stage in the time of `bovw_pyramid`, by Python's profiler.

With one thread, since the profiler sees no other, and without distorted copies, which
repeat the same stages on more images.
"""

from __future__ import annotations

import cProfile
import dataclasses
import os
import pstats
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from visbase.baselines import bovw_pyramid
from visbase.pipeline.datasets import load_dataset
from visbase.pipeline.descriptors.dense_sift import DenseSift, orientation_maps
from visbase.pipeline.encoding.assign import assign_soft
from visbase.pipeline.encoding.pool import normalise, pool
from visbase.pipeline.encoding.projection import Projection, fit_projection
from visbase.pipeline.encoding.vocabulary import learn_vocabulary
from visbase.pipeline.images.deskew import deskew
from visbase.pipeline.svm.kernel import KernelSVM, fit_svm

# stage -> the function that computes it; none calls another, except `_extract_batch`,
# which calls `orientation_maps`
STAGES: dict[str, Callable[..., Any]] = {
    "deskewing": deskew,
    "gradients": orientation_maps,
    "descriptors from gradients": DenseSift._extract_batch,
    "k-means": learn_vocabulary,
    "nearest words and weights": assign_soft,
    "pyramid": pool,
    "root and length": normalise,
    "fitting the projection": fit_projection,
    "projecting": Projection.apply,
    "support vectors": fit_svm,
    "decisions": KernelSVM.decisions,
}


def stage_shares() -> list[str]:
    """Rows of a table: stage, seconds, share, for all 60,000 + 10,000 digits."""
    mnist = load_dataset("mnist")
    config = dataclasses.replace(bovw_pyramid.Config(), copies=0)
    model = bovw_pyramid.build(config, 0)
    model.fit(np.asarray(mnist.train.images)[:500], mnist.train.labels[:500])  # warm up
    profile = cProfile.Profile()
    with tempfile.TemporaryDirectory() as folder:
        before = dict(os.environ)
        os.environ |= {"VISBASE_ARTIFACTS": folder, "VISBASE_JOBS": "1"}
        try:
            profile.enable()
            model.fit(mnist.train.images, mnist.train.labels)
            model.scores(mnist.test.images)
            profile.disable()
        finally:
            os.environ.clear()
            os.environ.update(before)
    stats = pstats.Stats(profile)
    calls = stats.stats  # type: ignore[attr-defined]
    seconds = {}
    for stage, function in STAGES.items():
        code = function.__code__
        key = (code.co_filename, code.co_firstlineno, code.co_name)
        seconds[stage] = float(calls[key][3])  # cumulative
    seconds["descriptors from gradients"] -= seconds["gradients"]
    total = float(stats.total_tt)  # type: ignore[attr-defined]
    seconds["everything else"] = total - sum(seconds.values())
    rows = sorted(seconds.items(), key=lambda item: -item[1])
    return [
        "| stage | seconds | share |",
        "| --- | ---: | ---: |",
        *(f"| {stage} | {s:.1f} | {100 * s / total:.0f} % |" for stage, s in rows),
        f"| total | {total:.1f} | |",
    ]
