"""A processor without AVX-512, imitated here, gives the same words and answers."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

OTHER = {
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENCV_CPU_DISABLE": "AVX512-SKX",
    "OPENCV_IPP": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",  # of scikit-learn-intelex
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
PROGRAM = """
import sys
import numpy as np
from visbase import load_dataset
from visbase.pipeline.models.methods import find_method

mnist, method = load_dataset("mnist"), find_method("bovw_sparse")
images, labels = mnist.train.images[:1000], mnist.train.labels[:1000]
model = method.build(method.presets("digits", "mnist")["quick"], 0)
model.fit(images, labels)
answers = model.predict(mnist.test.images[:1000])
np.savez(sys.argv[1], answers=answers, **model.bag_.arrays())
"""


@pytest.mark.slow
@pytest.mark.skipif(
    "*AVX512-SKX" not in cv2.getCPUFeaturesLine().split(),
    reason="this processor has no AVX-512, so it is like the other one",
)
def test_processor_without_avx512_gives_the_same_words_and_answers(
    tmp_path: Path,
) -> None:
    arrays = []
    for name, settings in (("this", {}), ("other", OTHER)):
        place = {"VISBASE_ARTIFACTS": str(tmp_path / name)}
        file = str(tmp_path / f"{name}.npz")
        command = [sys.executable, "-c", PROGRAM, file]
        subprocess.run(command, env=os.environ | settings | place, check=True)
        arrays.append(np.load(file))
    this, other = arrays
    np.testing.assert_allclose(this["vocabulary00"], other["vocabulary00"], rtol=1e-4)
    assert np.count_nonzero(this["answers"] != other["answers"]) <= 1  # of 1,000
