"""Methods by name: a file that assigns SUMMARY is a method.

It lies in baselines/, in cnn/ or in cnn/dropout/, whose methods are one network. The
networks of cnn/imagenet/ are methods for photographs alone, and no rows of any table.

Such a file defines SUMMARY (its label in the table), Config (a frozen dataclass),
PRESETS ("full" and "quick") and build(config, seed), which returns a `Method`. It may
also define OBJECTS and PHOTOGRAPHS, which replace PRESETS for images of that kind, and
a dataset's name in capitals, which replaces them for it; SEARCH, the trials of `visbase
search`; candidates(n_train, config), the changes of the full preset, config, among
which `visbase curve` chooses for n_train images; FOR, the kinds of images that it has a
row for (default: all); and PACE, milliseconds that a training and a test photograph
take on two cores.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
import math
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from visbase.pipeline.contracts import FAMILIES, KINDS, Family, Kind, Method
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.storage import declarations
from visbase.pipeline.storage.reading import in_words

MOST_VALUES = 100  # of a setting
PACKAGES = (*FAMILIES, "cnn.dropout")  # that hold method files
IMAGENET = "cnn.imagenet"  # whose networks are methods for photographs
EXTRAS = {"torch": "cnn", "timm": "pretrained", "torchvision": "pretrained"}


@dataclasses.dataclass(frozen=True)
class MethodFile:
    """A method whose file has not been imported yet."""

    name: str
    folder: str
    summary: str
    kinds: tuple[str, ...] = KINDS  # of images that it has a row for
    pace: tuple[float, float] | None = None  # ms per training and test photograph

    @property
    def family(self) -> Family:
        return FAMILIES[self.folder.partition(".")[0]]

    @property
    def module(self) -> str:
        """The name of the module that defines it."""
        return f"visbase.{self.folder}.{self.name}"

    def load(self) -> Any:
        """Import the file; BadInput if a library is missing or it defines no method."""
        try:
            if self.family == "network":  # before anything else imports PyTorch
                importlib.import_module("visbase.cnn.training.cores")
            module = importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name not in EXTRAS:
                raise
            extra = EXTRAS[error.name]
            raise BadInput(
                f"{self.name} needs {error.name}, which is not installed: run `make "
                f"cnn`, or `pip install -c requirements.lock -e '.[{extra}]'`"
            ) from None
        for name in ("Config", "PRESETS", "build"):
            if not hasattr(module, name):
                raise BadInput(
                    f"{self.folder}/{self.name}.py: a method file must define {name}"
                )
        return module

    def build(self, config: Any, seed: int) -> Method:
        """The unfitted method of a Config."""
        method: Method = self.load().build(config, seed)
        return method

    def presets(self, kind: Kind, dataset: str = "") -> dict[str, Any]:
        """Configs by preset, those for this dataset or kind of images if it has any.

        dataset: a published one, see `Dataset.published_name`.
        """
        module = self.load()
        own: dict[str, Any] = getattr(module, kind.upper(), module.PRESETS)
        return getattr(module, dataset.upper(), own) if dataset else own

    @property
    def trials(self) -> Sequence[Mapping[str, Any]]:
        """Changes of the full preset that a search tries; BadInput without any."""
        trials: Sequence[Mapping[str, Any]] = getattr(self.load(), "SEARCH", ())
        if not trials:
            raise BadInput(f"{self.name} has no SEARCH, hence nothing to search")
        return trials

    def candidates(self, n_train: int, config: Any) -> Sequence[Mapping[str, Any]]:
        """Changes of a Config among which a learning curve chooses."""
        choose = getattr(self.load(), "candidates", None)
        return ({},) if choose is None else choose(n_train, config)

    def configure(
        self,
        preset: str,
        settings: Iterable[str],
        kind: Kind = "digits",
        dataset: str = "",
    ) -> Any:
        """The preset's Config with `key=value` settings applied.

        Raises BadInput on an unknown key, or a value that is not of the field's type.
        """
        config = self.presets(kind, dataset)[preset]
        types = typing.get_type_hints(type(config))
        changes = {}
        for setting in settings:
            key, equals, text = setting.partition("=")
            if not equals or key not in types:
                raise BadInput(
                    f"--set {printable(setting)}: expected key=value with a key of "
                    f"{self.name}: {', '.join(types) or 'it has none'}"
                )
            value = _literal(text)
            if typing.get_origin(types[key]) is tuple and not isinstance(value, tuple):
                value = value if isinstance(value, list) else (value,)
            name = f"--set {printable(setting)}"
            changes[key] = _checked(name, value, types[key])
        return dataclasses.replace(config, **changes)

    def config_from_json(self, values: Mapping[str, Any]) -> Any:
        """The Config that was recorded as JSON.

        Raises BadInput for a key that is unknown or missing, or a value of the wrong
        type.
        """
        config = self.load().Config
        types = typing.get_type_hints(config)
        for key in types.keys() ^ values.keys():
            missing = "is missing: another version wrote it; run the method again"
            fault = missing if key in types else "is not one of its settings"
            raise BadInput(f"setting {key!r} of {self.name} {fault}")
        return config(
            **{
                key: _checked(f"setting {key}", values[key], kind)
                for key, kind in types.items()
            }
        )


class NetworkMethod(MethodFile):
    """One of the networks of cnn.imagenet as a method; they share one module."""

    @property
    def module(self) -> str:
        return f"visbase.{IMAGENET}.method"

    def load(self) -> Any:
        """What a method file defines, for this network."""
        return importlib.import_module(self.module).method_of(self.name)

    def network(self) -> Any:
        """The entry of this network in `cnn.imagenet.find_networks`."""
        return importlib.import_module(f"visbase.{IMAGENET}").find_networks()[self.name]


def find_methods() -> dict[str, MethodFile]:
    """All methods by name; their files are read, not imported."""
    found: dict[str, MethodFile] = {}
    for folder in PACKAGES:
        package = importlib.import_module(f"visbase.{folder}")
        kinds, paces = declarations(package, "FOR"), declarations(package, "PACE")
        for name, summary in declarations(package, "SUMMARY").items():
            if not isinstance(summary, str):
                raise BadInput(f"{folder}/{name}.py: SUMMARY must be a literal text")
            if name in found:
                raise BadInput(f"{name} is in {found[name].folder} and in {folder}")
            found[name] = MethodFile(
                name, folder, summary, kinds.get(name, KINDS), paces.get(name)
            )
    return found


def find_method(name: str) -> MethodFile:
    """The method or the network of that name; BadInput lists the names otherwise."""
    methods = find_methods()
    if name in methods:
        return methods[name]
    try:
        networks = importlib.import_module(f"visbase.{IMAGENET}").find_networks()
    except ModuleNotFoundError:  # torch or torchvision
        networks = {}
    if name in networks:
        summary = f"{name}, {networks[name].year}, for ImageNet"
        return NetworkMethod(name, IMAGENET, summary, ("photographs",))
    raise BadInput(
        f"unknown method {name!r}; choose from: {', '.join(methods)}; or, for "
        "photographs and with torchvision, from those of `visbase networks`"
    )


def as_json(config: Any) -> dict[str, Any]:
    """The settings of a Config as JSON holds them: tuples become lists."""
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return values


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


def _checked(name: str, value: Any, kind: Any) -> Any:
    """A setting's value as its field holds it; numbers are finite and from 0 on."""
    items = value if isinstance(value, tuple | list) else [value]
    if len(items) > MOST_VALUES:
        raise BadInput(f"{name}: {len(items):,} values, expected at most {MOST_VALUES}")
    try:
        value = msgspec.convert(value, kind)
    except ValueError as error:
        names = [n for n in typing.get_args(kind) if isinstance(n, str)]
        choice = f"; choose from: {', '.join(names)}" if names else ""
        raise BadInput(f"{name}: {in_words(error)}{choice}") from None
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, int | float) and not 0 <= number < math.inf:
            raise BadInput(f"{name}: expected a finite number, 0 or greater")
    return value
