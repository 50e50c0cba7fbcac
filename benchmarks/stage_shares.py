"""Where the time of `bovw_pyramid` goes: each stage's share, by Python's profiler.

One thread, since the profiler sees no other; without distorted copies, which repeat the
same stages on more images.
"""

from __future__ import annotations

import cProfile
import dataclasses
import os
import pstats
import tempfile

import numpy as np

# stage -> file and function that does it, none inside another
STAGES = {
    "deskewing": ("deskew.py", "deskew"),
    "gradients": ("dense_sift.py", "orientation_maps"),
    "descriptors from gradients": ("dense_sift.py", "_extract_batch"),
    "k-means": ("vocabulary.py", "learn_vocabulary"),
    "nearest words and weights": ("assign.py", "assign_soft"),
    "pyramid": ("pool.py", "pool"),
    "root and length": ("pool.py", "normalise"),
    "fitting the projection": ("project.py", "fit_projection"),
    "projecting": ("project.py", "apply"),
    "support vectors": ("kernel_svm.py", "fit_svm"),
    "decisions": ("kernel_svm.py", "decisions"),
}


def stage_shares() -> list[str]:
    """Lines of a table: stage, seconds, share; all 60,000 + 10,000 digits."""
    from visbase.baselines import bovw_pyramid
    from visbase.pipeline.datasets import load_dataset

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
    seconds = {
        stage: 0.0
        + sum(
            values[3]  # cumulative
            for (path, _, name), values in stats.stats.items()  # type: ignore[attr-defined]
            if path.endswith("/" + file) and name == function
        )
        for stage, (file, function) in STAGES.items()
    }
    seconds["descriptors from gradients"] -= seconds["gradients"]
    total = float(stats.total_tt)  # type: ignore[attr-defined]
    seconds["all else"] = total - sum(seconds.values())
    rows = sorted(seconds.items(), key=lambda item: -item[1])
    return [
        "| stage | seconds | share |",
        "| --- | ---: | ---: |",
        *(f"| {stage} | {s:.1f} | {100 * s / total:.0f} % |" for stage, s in rows),
        f"| in all | {total:.1f} | |",
    ]
