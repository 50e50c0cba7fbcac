"""The public face: what `visbase` offers, and that the examples in the docs run."""

import re
from pathlib import Path

import pytest

import visbase
from tests.command_line import fresh_python
from visbase.pipeline.storage import ROOT


def test_every_public_name_can_be_imported() -> None:
    for name in visbase.__all__:
        assert getattr(visbase, name) is not None
        assert name in dir(visbase)
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        visbase.no_such_name  # noqa: B018


@pytest.mark.parametrize("page", ["docs/python.md", "README.md"])
def test_examples_of_the_docs_run(page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert examples
    digits = "from visbase import load_dataset\nmnist = load_dataset('mnist')"
    given = "images, labels = mnist.train.images[:200], mnist.train.labels[:200]"
    code = "\n".join([digits, given, *examples])
    fresh_python("-c", code, cwd=tmp_path, PYTHONPATH=str(ROOT))


def test_importing_changes_nothing_in_the_process_of_a_user(tmp_path: Path) -> None:
    code = """
import warnings
from PIL import Image
before = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
import visbase
for name in visbase.__all__:
    getattr(visbase, name)
import visbase.pipeline.images.photo_files
ours = [f for f in warnings.filters if f not in before[1] and "PIL" in str(f)]
print(before[0] == Image.MAX_IMAGE_PIXELS, ours)
"""
    output = fresh_python("-c", code, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert output.split() == ["True", "[]"]


@pytest.mark.parametrize("names", [["majority"], ["majority", "linear"]])
def test_no_module_of_the_working_folder_runs(names: list[str], tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w')\nraise SystemExit\n"
    for module in ("pipeline", "reports", "cnn", "numpy", "click", "typing", "joblib"):
        (tmp_path / f"{module}.py").write_text(code)
    run = ("-m", "visbase", "run", *names, "--preset", "quick")
    artifacts = str(tmp_path / "artifacts")
    output = fresh_python(*run, cwd=tmp_path, VISBASE_ARTIFACTS=artifacts)
    assert [line.split()[0] for line in output.splitlines()] == names
    assert not ran.exists()
