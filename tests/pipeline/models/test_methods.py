"""Settings from the command line become a typed Config, or one clear line."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visbase.pipeline.errors import BadInput
from visbase.pipeline.models.methods import (
    PACKAGES,
    MethodFile,
    find_method,
    find_methods,
)


@dataclass(frozen=True)
class Config:
    n_words: int = 400
    gamma: float = 1.0
    bins_px: tuple[float, ...] = (2.0, 3.0)
    levels: tuple[int, ...] = (1, 2)
    deskewed: bool = True
    kernel: str = "rbf"


class Fake(MethodFile):
    def load(self) -> Any:
        return SimpleNamespace(PRESETS={"full": Config(), "quick": Config(n_words=50)})


METHOD = Fake("fake", "baselines", "")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        *(("n_words", "0", 0), ("gamma", "2", 2.0), ("kernel", "poly", "poly")),
        *(("levels", "[1,2]", (1, 2)), ("levels", "1,2", (1, 2)), ("levels", "[]", ())),
        *(("levels", "4", (4,)), ("bins_px", "[2, 3.5]", (2.0, 3.5))),
        ("kernel", "a=b", "a=b"),
    ],
)
def test_setting_becomes_a_value_of_its_type(key: str, text: str, value: Any) -> None:
    configured = getattr(METHOD.configure("full", [f"{key}={text}"]), key)
    assert repr(configured) == repr(value)  # 2.0 is not 2


def test_settings_change_the_chosen_preset_and_nothing_else() -> None:
    changed = METHOD.configure("quick", ["gamma=3", "deskewed=False", "gamma=4"])
    assert changed == Config(n_words=50, gamma=4.0, deskewed=False)


def test_dataset_may_have_presets_of_its_own() -> None:
    method = find_method("resnet")
    of_kind = method.presets("objects")["full"]
    assert method.configure("full", [], "objects", "cifar10") == of_kind
    own = method.configure("full", ["epochs=3"], "objects", "fashion_mnist")
    assert (own.epochs, own.depth, own.padding_px) == (3, 14, 2)
    assert of_kind.depth == 20


@pytest.mark.parametrize("setting", ["nwords=3", "n_words", "", "=3", "N_WORDS=3"])
def test_unknown_key_lists_the_keys(setting: str) -> None:
    with pytest.raises(BadInput, match=", ".join(Config.__dataclass_fields__)):
        METHOD.configure("full", [setting])


@pytest.mark.parametrize(
    "setting",
    [
        *("n_words=many", "n_words=2.5", "n_words=True", "n_words=", "n_words=-1"),
        *("gamma=wide", "gamma=None", "gamma=1e400", "deskewed=1", "deskewed=yes"),
        *("levels=[1, 2.5]", "levels=[[1]]", "bins_px=['wide']", "kernel=3"),
    ],
)
def test_value_of_another_type_or_out_of_range_is_refused(setting: str) -> None:
    with pytest.raises(BadInput) as raised:
        METHOD.configure("full", [setting])
    assert str(raised.value).startswith(f"--set {setting}: ")


AWKWARD = (
    *("{[]: 1}", "{{}}", "1" * 400, f"[{'1' * 400}]", "1" * 5000, "(" * 5000),
    *("-" * 5000 + "1", "\0", "\ud800", "b''", "1j", "...", "[1, [2, {3}]]"),
)
VALUES = (
    st.sampled_from(AWKWARD)
    | st.text()
    | st.text("[](){}:,'\"0123456789-+.eEjx\\_ ", max_size=12)
)


@settings(deadline=None, max_examples=300)
@pytest.mark.filterwarnings("ignore:invalid")
@given(st.sampled_from([*Config.__dataclass_fields__, ""]), VALUES)
def test_any_text_is_a_config_or_bad_input(key: str, text: str) -> None:
    try:
        config = METHOD.configure("full", [f"{key}={text}"])
    except BadInput as error:
        assert str(error).startswith("--set ")
    else:
        assert type(getattr(config, key)) is type(getattr(Config(), key))


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty folders in place of those of the methods."""
    for name in PACKAGES:
        package = importlib.import_module(f"visbase.{name}")  # as `find_methods` does
        folder = tmp_path / name.rpartition(".")[2]
        folder.mkdir()
        monkeypatch.setattr(package, "__path__", [str(folder)])
    return tmp_path


def test_a_method_is_any_file_that_says_summary(folders: Path) -> None:
    (folders / "baselines" / "nearest.py").write_text('SUMMARY: str = "nearest image"')
    (folders / "baselines" / "trainer.py").write_text("import no_such_module\n")
    (folders / "cnn" / "net.py").write_text('import no_such_module\nSUMMARY = "a net"')
    nearest, net = ((m.name, m.summary, m.family) for m in find_methods().values())
    assert nearest == ("nearest", "nearest image", "classical")
    assert net == ("net", "a net", "network")
    with pytest.raises(BadInput, match=r"'bow'.*nearest, net"):
        find_method("bow")


@pytest.mark.parametrize("source", ["SUMMARY = 'a' +", "SUMMARY = f'{1}'", "SUMMARY=3"])
def test_broken_method_file_is_named(source: str, folders: Path) -> None:
    (folders / "baselines" / "broken.py").write_text(source)
    with pytest.raises(BadInput, match=r"broken\.py: "):
        find_methods()


def test_method_in_two_files_or_without_a_config_is_refused(folders: Path) -> None:
    for folder in ("baselines", "cnn"):
        (folders / folder / "double.py").write_text("SUMMARY = 'a'")
    with pytest.raises(BadInput, match="double is in baselines and in cnn"):
        find_methods()
    with pytest.raises(BadInput, match=r"cnn/double\.py: .* Config"):
        MethodFile("double", "cnn", "").load()
