"""No room: on the disk, in memory; no permission to write."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.paths import results
from tests.soak.fault import (
    RUNS,
    Fault,
    command,
    make_digits,
    outcome_of,
    places,
    told_in_one_line,
    visbase,
)

MEMORY_MB = (300, 900, 1500, 1850, 1900, 2000, 2400, 4000)  # of address space
FILE_KB = (1, 10, 50, 100, 200, 400)  # largest file
DISK_KB = (16, 64, 256, 512, 1024)
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1  # of linux/prctl.h, linux/capability.h
OUTCOME = (
    "one line, exit status 1 or 2; what was there is intact; with room it ends well"
)


def faults(short: bool) -> Iterator[Fault]:
    with tempfile.TemporaryDirectory() as folder:
        digits = make_digits(Path(folder) / "digits")
        for method in list(RUNS)[: 1 if short else None]:
            home = Path(folder) / method
            done = visbase(command(method, digits, home), places(home))
            if done.returncode:
                yield Fault(f"{method} undisturbed", 1, "failed", [done.stderr[-300:]])
                continue
            golden = outcome_of(home)
            yield _limited_files(
                method, digits, golden, FILE_KB[1:3] if short else FILE_KB
            )
            yield _limited_memory(
                method, digits, golden, MEMORY_MB[1:2] if short else MEMORY_MB
            )
            yield from _full_disk(
                method, digits, golden, DISK_KB[1:2] if short else DISK_KB
            )
        yield from _read_only(digits)
        yield _forbidden(digits)


def _limited_files(
    method: str, digits: Path, golden: dict[str, bytes], sizes: tuple[int, ...]
) -> Fault:
    bad = []
    for size in sizes:
        done, again = _limited(
            method, digits, golden, resource.RLIMIT_FSIZE, size << 10
        )
        bad += _verdict(f"{method}, files up to {size} kB", done)
        bad += again
    return Fault(f"files of `{method}` limited in size", len(sizes), OUTCOME, bad)


def _limited_memory(
    method: str, digits: Path, golden: dict[str, bytes], sizes: tuple[int, ...]
) -> Fault:
    bad = []
    for size in sizes:
        done, again = _limited(method, digits, golden, resource.RLIMIT_AS, size << 20)
        bad += _verdict(f"{method}, memory of {size} MiB", done)
        bad += again
    name = f"memory of `{method}` limited to {' '.join(map(str, sizes))} MiB"
    return Fault(name, len(sizes), OUTCOME, bad)


def _limited(
    method: str, digits: Path, golden: dict[str, bytes], kind: int, size: int
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """A run under a limit, and what is wrong with the run without it afterwards."""

    def limit() -> None:
        resource.setrlimit(kind, (size, size))

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        arguments = command(method, digits, home)
        done = visbase(arguments, places(home), preexec_fn=limit)
        again = visbase(arguments, places(home))
        well = again.returncode == 0 and outcome_of(home) == golden
    return done, [] if well else [
        f"{method}, limit {size}: run again it ends otherwise"
    ]


def _verdict(what: str, done: subprocess.CompletedProcess[str]) -> list[str]:
    if done.returncode == 0:
        return []
    if done.returncode not in (1, 2):
        return [f"{what}: exit status {done.returncode}"]
    if not told_in_one_line(done):
        return [f"{what}: {' '.join(done.stderr.split())[-200:]}"]
    return []


@contextmanager
def _small_disk(size: str) -> Iterator[Path | None]:
    """A file system of its own; None where only root may mount one."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder]
        root = os.geteuid() == 0
        if (
            not root
            or subprocess.run(mount, check=False, capture_output=True).returncode
        ):
            yield None
            return
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def _remount(disk: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(disk)], check=True)


def _full_disk(
    method: str, digits: Path, golden: dict[str, bytes], sizes: tuple[int, ...]
) -> Iterator[Fault]:
    """Artifacts, results, model and /tmp on a small disk."""
    bad: list[str] = []
    name = f"disk and /tmp full during `{method}`"
    for size in sizes:
        what = f"{method}, disk of {size} kB"
        with _small_disk(f"{size}k") as disk:
            if disk is None:
                yield Fault(name, 0, "not run: only root may mount a small disk")
                return
            earlier = disk / "results" / "earlier"
            earlier.parent.mkdir()
            earlier.write_text("earlier")
            arguments, here = (
                command(method, digits, disk),
                places(disk, TMPDIR=str(disk)),
            )
            bad += _verdict(what, visbase(arguments, here))
            if earlier.read_text() != "earlier":
                bad.append(f"{what}: earlier results changed")
            _remount(disk, "size=200m")
            again = visbase(arguments, here)
            if again.returncode or outcome_of(disk) != golden:
                bad.append(f"{what}: with room it ends otherwise")
    yield Fault(name, len(sizes), OUTCOME, bad)


def _read_only(digits: Path) -> Iterator[Fault]:
    """Every place that is written to is on a disk that cannot be written."""
    bad: list[str] = []
    runs: dict[str, Callable[[Path], list[str]]] = {
        "run and model": lambda disk: command("bovw_pyramid", digits, disk),
        "report": lambda disk: ["report", "--out", str(disk / "report")],
    }
    with _small_disk("10m") as disk:
        if disk is None:
            yield Fault("read-only disk", 0, "not run: only root may mount one")
            return
        _remount(disk, "ro")
        for name, arguments in runs.items():
            here = places(disk, VISBASE_RESULTS=str(results()))
            if name != "report":
                here = places(disk)
            done = visbase(arguments(disk), here)
            bad += [f"{name}: ended well"] if done.returncode == 0 else []
            bad += _verdict(name, done)
    yield Fault("read-only disk", len(runs), OUTCOME, bad)


def _forbidden(digits: Path) -> Fault:
    """No permission to write where results, caches and model belong."""
    name = "no permission to write"

    def obey() -> None:
        """Permissions bind root as well, once this capability is out of reach."""
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o555)
        arguments = command("bovw_pyramid", digits, home)
        done = visbase(arguments, places(home), preexec_fn=obey)
        bad = ["ended well"] if done.returncode == 0 else []
        bad += _verdict(name, done)
        bad += ["it wrote a file"] if any(home.iterdir()) else []
        home.chmod(0o755)
    return Fault(name, 1, OUTCOME, bad)
