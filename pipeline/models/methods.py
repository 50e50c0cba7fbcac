"""Methods by name: a file in baselines/ or cnn/ that says SUMMARY is a method.

Such a file defines SUMMARY (its label in the table), Config (a frozen dataclass),
PRESETS ("full" and "quick") and build(config, seed), which returns a `Method`. It may
define SEARCH, what `visbase search` tries; candidates(n_train), changes among which
`visbase curve` chooses for so many images; and PHOTOGRAPHS, which takes the place of
PRESETS where images are larger than digits. What build returns may tell its `device`
and, once fitted, its learning `curves`, a list of dataclasses for each network, and
what it learned as small pictures: `exhibits(images)`, name -> (n, h, w).
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import math
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.images.batches import Images
from visbase.pipeline.storage.cache import Arrays

MOST_VALUES = 100  # of a setting
FAMILIES = {"baselines": "classical", "cnn": "network"}


class Method(Protocol):
    """What build returns: a classifier of images."""

    @property
    def n_parameters(self) -> int:
        """Numbers that fit has learned."""

    def fit(self, images: Images, labels: NDArray[np.int64]) -> None: ...

    def predict(self, images: Images) -> NDArray[np.int64]:
        """Labels (n,)."""

    def scores(self, images: Images) -> NDArray[np.float32]:
        """(n, C), larger is likelier, columns in the order of the labels."""

    def arrays(self) -> Arrays:
        """What fit has learned, by name; "classes", behind any dots, has (C,) labels.

        With the Config that is all of it: restored, it scores the same to the bit.
        """

    def restore(self, arrays: Arrays) -> None:
        """Take the place of fit; BadInput where names, types or shapes disagree."""


@dataclasses.dataclass(frozen=True)
class MethodFile:
    """A method that was found but not yet imported."""

    name: str
    folder: str
    summary: str

    @property
    def family(self) -> str:
        return FAMILIES[self.folder]

    def load(self) -> ModuleType:
        """Import the file; BadInput where it needs torch and torch is not installed."""
        try:
            return importlib.import_module(f"visbase.{self.folder}.{self.name}")
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise BadInput(
                f"{self.name} needs torch, which is not installed: run `make cnn`, or "
                "`pip install -c requirements.lock -e '.[cnn]'`"
            ) from None


def find_methods() -> dict[str, MethodFile]:
    """All methods by name; reads their files without importing them."""
    found = {}
    for folder in FAMILIES:
        package = importlib.import_module(f"visbase.{folder}")
        for place in map(Path, package.__path__):
            for path in sorted(place.glob("*.py")):
                summary = _summary(path.read_text(encoding="utf-8"))
                if summary is not None:
                    found[path.stem] = MethodFile(path.stem, folder, summary)
    return found


def find_method(name: str) -> MethodFile:
    """The method of that name; BadInput lists the names where there is none."""
    methods = find_methods()
    if name not in methods:
        raise BadInput(f"no method {name!r}; there are: {', '.join(methods)}")
    return methods[name]


def presets(module: ModuleType, photographs: bool) -> dict[str, Any]:
    """The method's presets for photographs, where asked for and there are some."""
    found = getattr(module, "PHOTOGRAPHS", None) if photographs else None
    return module.PRESETS if found is None else found


def configure(
    module: ModuleType,
    preset: str,
    settings: Iterable[str],
    photographs: bool = False,
) -> Any:
    """The preset's Config with `key=value` settings applied.

    Raises BadInput on an unknown key, or a value that is not of the field's type.
    """
    config = presets(module, photographs)[preset]
    types = typing.get_type_hints(type(config))
    changes = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or key not in types:
            raise BadInput(
                f"--set {printable(setting)}: expected key=value with a key of "
                f"{_name(module)}: "
                f"{', '.join(types) or 'it has none'}"
            )
        changes[key] = _parse(setting, text, types[key])
    return dataclasses.replace(config, **changes)


def config_from_json(module: ModuleType, values: Mapping[str, Any]) -> Any:
    """The Config that was recorded as JSON.

    Raises BadInput on a key that is unknown or missing, or a value of another type.
    """
    types = typing.get_type_hints(module.Config)
    for key in types.keys() ^ values.keys():
        fault = "is missing" if key in types else "is not one of its settings"
        raise BadInput(f"setting {key!r} of {_name(module)} {fault}")
    return module.Config(
        **{key: _typed(f"setting {key}", values[key], types[key]) for key in types}
    )


def _parse(setting: str, text: str, kind: Any) -> Any:
    try:
        value = ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        value = text
    return _typed(f"--set {printable(setting)}", value, kind)


def _typed(setting: str, value: Any, kind: Any) -> Any:
    """A value as a field of this type holds it; setting: what a message calls it."""
    if typing.get_origin(kind) is tuple:
        items = value if isinstance(value, tuple | list) else (value,)
        if len(items) > MOST_VALUES:
            raise BadInput(
                f"{setting}: {len(items):,} values, expected at most {MOST_VALUES}"
            )
        item_kind = typing.get_args(kind)[0]
        return tuple(_check(setting, item, item_kind) for item in items)
    return _check(setting, value, kind)


def _check(setting: str, value: Any, kind: type) -> Any:
    if kind is float and type(value) is int and abs(value) < 2**1023:
        value = float(value)
    if kind in (int, float) and type(value) is kind and not 0 <= value < math.inf:
        raise BadInput(f"{setting}: expected a finite number from 0 on")
    if type(value) is not kind:
        raise BadInput(
            f"{setting}: expected {kind.__name__}, found {type(value).__name__}"
        )
    return value


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def _summary(source: str) -> str | None:
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == "SUMMARY":
                    return str(node.value.value)
    return None
