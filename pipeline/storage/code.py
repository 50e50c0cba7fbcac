"""Which source computes a stage: the modules of its parts and all that they import."""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import importlib.util
import os
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

OURS = __name__.partition(".")[0]
# These keep and show what others compute: editing them leaves every number.
KEEPERS = tuple(
    f"{OURS}.pipeline.{name}" for name in ("storage", "commands", "progress")
)
IN_THIS_PROCESS = uuid.uuid4().hex  # code without a file is recalled by no other


def source_digest(parts: Iterable[object]) -> str:
    """SHA-256 of the source behind parts: classes, functions, instances; None is none.

    A part may hold others: in the fields of a dataclass, in a sequence, in a partial
    call. Imports are followed wherever in a module they stand, but for those of
    installed libraries, whose versions count: a descriptor in anybody's folder counts
    with its helpers.
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
        for one in part:
            yield from _modules_of(one)
    elif isinstance(part, Mapping):
        yield from _modules_of((*part.values(),))
    elif part is not None:
        yield getattr(part, "__module__", None) or type(part).__module__
        if dataclasses.is_dataclass(part) and not isinstance(part, type):
            for field in dataclasses.fields(part):
                held = getattr(part, field.name, None)
                # of a library's values, such as arrays, the version counts
                yield from (m for m in _modules_of(held) if not _is_foreign(m))


@functools.cache
def _digest(names: frozenset[str]) -> str:
    homes = {OURS, *(name.partition(".")[0] for name in names)}
    seen: set[str] = set()
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name in seen or _is_keeper(name):
            continue
        seen.add(name)
        waiting += [
            one
            for one in _imports(name)
            if one.partition(".")[0] in homes or not _is_foreign(one)
        ]
    lines = [f"{name} {hashlib.sha256(_source(name)).hexdigest()}" for name in seen]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _is_keeper(name: str) -> bool:
    return any(name == keeper or name.startswith(f"{keeper}.") for keeper in KEEPERS)


@functools.cache
def _is_foreign(name: str) -> bool:
    """Whether a module is Python's or another installed library's, or is no file."""
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
    """The bytes of a module's file; of one without a file, a name of this process."""
    loaded, spec = sys.modules.get(name), _spec(name)
    origin = getattr(loaded, "__file__", None) or (spec.origin if spec else None)
    if origin is None or not origin.endswith(".py"):
        return IN_THIS_PROCESS.encode()
    return Path(origin).read_bytes()


@functools.cache
def _spec(name: str) -> ModuleSpec | None:
    """Where a module is; unlike `importlib.util.find_spec` it imports no package."""
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
    """Modules that a module imports; `from a import b` is a.b where that is one."""
    source = _source(name)
    if source == IN_THIS_PROCESS.encode():
        return ()
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += _imported_from(name, node)
    return tuple(found)


def _imported_from(name: str, node: ast.ImportFrom) -> Iterator[str]:
    module = node.module or ""
    if node.level:  # from . import x
        parts = name.split(".")
        module = ".".join([*parts[: len(parts) - node.level], *filter(None, [module])])
    for alias in node.names:
        full = f"{module}.{alias.name}"
        yield full if _spec(full) else module
