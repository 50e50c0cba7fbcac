"""The code behind a stage: the modules of its parts and all that these import."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

OURS = __name__.partition(".")[0]
# These store and show what others compute: editing them changes no number.
KEEPERS = tuple(f"{OURS}.pipeline.{n}." for n in ("storage", "commands", "progress"))
IN_THIS_PROCESS = uuid.uuid4().hex  # stands for code without a file, such as a shell's
LIBRARIES = (  # whose versions change numbers
    *("numpy", "scipy", "scikit-learn", "scikit-learn-intelex", "numba", "torch"),
    *("opencv-contrib-python", "opencv-contrib-python-headless"),
    *("pillow", "pillow-heif"),
)


@functools.cache
def library_versions() -> dict[str, str]:
    """Installed versions of the libraries that numbers depend on."""
    versions = {}
    for name in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def source_digest(parts: Iterable[object]) -> str:
    """SHA-256 of the source of parts: classes, functions or instances; None is skipped.

    Parts inside a part count as well: the fields of a dataclass, the items of a
    sequence, the arguments of a partial call. Imports are followed, wherever they stand
    in a module, except into installed libraries, whose versions count instead.
    """
    return _digest(frozenset(_modules_of((*parts,))))


def module_digest(part: object) -> str:
    """SHA-256 of the source of the one module that defines a function or class."""
    return hashlib.sha256(_source(part.__module__)).hexdigest()


def _modules_of(part: object) -> Iterator[str]:
    """Names of the modules that define a part and what it holds."""
    if isinstance(part, functools.partial):
        yield from _modules_of((part.func, *part.args, *part.keywords.values()))
    elif isinstance(part, tuple | list):
        for item in part:
            yield from _modules_of(item)
    elif isinstance(part, Mapping):
        yield from _modules_of((*part.values(),))
    elif type(part).__module__ != "builtins" or hasattr(part, "__module__"):
        yield getattr(part, "__module__", None) or type(part).__module__
        if dataclasses.is_dataclass(part) and not isinstance(part, type):
            for field in dataclasses.fields(part):
                held = getattr(part, field.name, None)
                # arrays and other values of libraries count by the library's version
                yield from (m for m in _modules_of(held) if not _is_foreign(m))


@functools.cache
def _digest(names: frozenset[str]) -> str:
    homes = {OURS, *(name.partition(".")[0] for name in names)}
    followed: set[str] = set()
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name in followed or f"{name}.".startswith(KEEPERS):
            continue
        followed.add(name)
        waiting += [
            module
            for module in _imports(name)
            if module.partition(".")[0] in homes or not _is_foreign(module)
        ]
    lines = [f"{name} {hashlib.sha256(_source(name)).hexdigest()}" for name in followed]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


@functools.cache
def _is_foreign(name: str) -> bool:
    """Whether a module belongs to Python or an installed library, or has no file."""
    if name.partition(".")[0] == OURS:
        return False
    spec = _spec(name)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return name != "__main__"
    place = Path(spec.origin)
    standard = Path(os.__file__).parent
    return standard in place.parents or bool(
        {"site-packages", "dist-packages"} & {*place.parts}
    )


@functools.cache
def _source(name: str) -> bytes:
    """The bytes of a module's file; without a file, a mark of this process."""
    loaded, spec = sys.modules.get(name), _spec(name)
    origin = getattr(loaded, "__file__", None) or (spec.origin if spec else None)
    if origin is None or not origin.endswith(".py"):
        return IN_THIS_PROCESS.encode()
    return Path(origin).read_bytes()


@functools.cache
def _spec(name: str) -> ModuleSpec | None:
    """Find a module; unlike `importlib.util.find_spec` without importing packages."""
    parent = name.rpartition(".")[0]
    if not parent:
        return importlib.util.find_spec(name) if name != "__main__" else None
    if parent in sys.modules:
        places = getattr(sys.modules[parent], "__path__", None)
    else:
        home = _spec(parent)
        places = None if home is None else home.submodule_search_locations
    return None if places is None else PathFinder.find_spec(name, list(places))


@functools.cache
def _imports(name: str) -> tuple[str, ...]:
    """Modules that a module imports; `from a import b` may mean the module a.b."""
    source = _source(name)
    if source == IN_THIS_PROCESS.encode():
        return ()
    modules: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules += _imported_from(name, node)
    return tuple(modules)


def _imported_from(name: str, node: ast.ImportFrom) -> Iterator[str]:
    module = node.module or ""
    if node.level:  # from . import x
        parts = name.split(".")
        module = ".".join([*parts[: len(parts) - node.level], *filter(None, [module])])
    for alias in node.names:
        full = f"{module}.{alias.name}"
        yield full if _spec(full) else module
