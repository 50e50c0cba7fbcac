"""No room: on the disk, in memory; no permission to write."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.soak.fault import (
    RUNS,
    Fault,
    command,
    leftovers,
    make_digits,
    make_earlier,
    outcome_of,
    places,
    record_of,
    told_in_one_line,
    torn,
    visbase,
)
from visbase.pipeline.storage import results

MEMORY_MB = (300, 900, 1500, 1850, 1900, 2000, 2400, 4000)  # of address space
FILE_KB = (1, 10, 50, 100, 200, 400)  # largest file
DISK_KB = (16, 64, 256, 512, 1024)
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1  # of linux/prctl.h, linux/capability.h
OUTCOME = (
    "one error line, exit status 1, earlier record intact; succeeds once there is room"
)
NO_PLACE = (
    "one error line, exit status 1 (2 if the user named the place); nothing written"
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
            earlier = make_earlier(method, digits, Path(folder) / f"earlier {method}")
            runs = Runs(method, digits, earlier, outcome_of(home))
            yield _limited(runs, "file", FILE_KB[1:3] if short else FILE_KB)
            yield _limited(runs, "memory", MEMORY_MB[1:2] if short else MEMORY_MB)
            yield from _full_disk(runs, DISK_KB[1:2] if short else DISK_KB)
            yield from _full_tmp(runs)
        yield from _read_only(digits)
        yield _forbidden(digits)


@dataclass(frozen=True)
class Runs:
    """What is run without room: over an earlier record, towards a known outcome."""

    method: str
    digits: Path
    earlier: Path
    golden: dict[str, bytes]

    def attempt(self, home: Path, **how: Any) -> subprocess.CompletedProcess[str]:
        shutil.copytree(
            self.earlier, home / "artifacts" / "results", dirs_exist_ok=True
        )
        return self.run(home, **how)

    def run(self, home: Path, **how: Any) -> subprocess.CompletedProcess[str]:
        here = places(home, **how.pop("more", {}))
        return visbase(command(self.method, self.digits, home), here, **how)

    def faults(
        self, what: str, home: Path, done: subprocess.CompletedProcess[str]
    ) -> list[str]:
        """What is wrong once an attempt ended, before there is room again."""
        if torn(home, self.earlier, self.golden):
            return [f"{what}: the earlier record is torn"]
        if "seed0.json" not in record_of(home / "artifacts" / "results"):
            return [f"{what}: the earlier record is lost"]
        return _verdict(f"{self.method}, {what}", done, (0, 1))

    def again(self, what: str, home: Path, **how: Any) -> list[str]:
        """What is wrong with the run once there is room."""
        done = self.run(home, **how)
        if done.returncode or outcome_of(home) != self.golden:
            return [f"{self.method}, {what}: with room it ends otherwise"]
        return [f"{self.method}, {what}: {path} was left" for path in leftovers(home)]


def _limited(runs: Runs, what: str, sizes: tuple[int, ...]) -> Fault:
    """Runs under a limit of the largest file in kB, or of the address space in MiB."""
    kind, unit, name = {
        "file": (resource.RLIMIT_FSIZE, 1 << 10, "files of `{}` limited to {} kB"),
        "memory": (resource.RLIMIT_AS, 1 << 20, "memory of `{}` limited to {} MiB"),
    }[what]
    bad, well = [], 0
    for size in sizes:

        def limit(size: int = size * unit) -> None:
            resource.setrlimit(kind, (size, size))

        with tempfile.TemporaryDirectory() as folder:
            done = runs.attempt(Path(folder), preexec_fn=limit)
            well += done.returncode == 0
            bad += runs.faults(f"{what} limit {size}", Path(folder), done)
            bad += runs.again(f"{what} limit {size}", Path(folder))
    listed = " ".join(map(str, sizes))
    return Fault(name.format(runs.method, listed), len(sizes), _outcome(well), bad)


def _outcome(well: int) -> str:
    return f"{OUTCOME}; {well} had enough room from the start"


def _verdict(
    what: str, done: subprocess.CompletedProcess[str], statuses: tuple[int, int]
) -> list[str]:
    if done.returncode not in statuses:
        return [f"{what}: exit status {done.returncode}"]
    if done.returncode and not told_in_one_line(done):
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


def _full_disk(runs: Runs, sizes: tuple[int, ...]) -> Iterator[Fault]:
    """Artifacts, results, model and /tmp on a small disk, beside an earlier record."""
    bad, well = [], 0
    name = f"disk and /tmp full during `{runs.method}`"
    occupied = sum(-(-len(content) // 4096) for content in _all_files(runs.earlier)) * 4
    for size in sizes:
        what = f"disk with {size} kB left"
        with _small_disk(f"{occupied + size}k") as disk:
            if disk is None:
                yield Fault(name, 0, "not run: only root may mount a small disk")
                return
            done = runs.attempt(disk, more={"TMPDIR": str(disk)})
            well += done.returncode == 0
            bad += runs.faults(what, disk, done)
            _remount(disk, "size=200m")
            bad += runs.again(what, disk, more={"TMPDIR": str(disk)})
    yield Fault(name, len(sizes), _outcome(well), bad)


def _full_tmp(runs: Runs) -> Iterator[Fault]:
    """/tmp alone is full; results and caches have room."""
    name = f"/tmp full during `{runs.method}`"
    with (
        _small_disk("4k") as disk,
        tempfile.TemporaryDirectory() as folder,
    ):
        if disk is None:
            yield Fault(name, 0, "not run: only root may mount a small disk")
            return
        with contextlib.suppress(OSError):
            (disk / "full").write_bytes(bytes(1 << 20))
        done = runs.attempt(Path(folder), more={"TMPDIR": str(disk)})
        bad = runs.faults("full /tmp", Path(folder), done)
        bad += runs.again("full /tmp", Path(folder))
    yield Fault(name, 1, _outcome(int(done.returncode == 0)), bad)


def _all_files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def _read_only(digits: Path) -> Iterator[Fault]:
    """Every place that is written to is on a disk that cannot be written."""
    bad: list[str] = []
    runs: dict[str, Callable[[Path], list[str]]] = {
        "run": lambda disk: command("bovw_pyramid", digits, disk)[:-2],
        "run for the table": lambda _disk: ["run", "majority"],
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
            bad += _verdict(name, done, (1, 2))
    yield Fault("read-only disk", len(runs), NO_PLACE, bad)


def _forbidden(digits: Path) -> Fault:
    """No permission to write where results, caches and model belong."""
    name = "no permission to write"

    def obey() -> None:
        """Permissions bind root as well, once this capability is out of reach."""
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o555)
        arguments = command("bovw_pyramid", digits, home)[:-2]  # no model to save
        done = visbase(arguments, places(home), preexec_fn=obey)
        bad = _verdict(name, done, (1, 2))
        bad += ["it wrote a file"] if any(home.iterdir()) else []
        home.chmod(0o755)
    return Fault(name, 1, NO_PLACE, bad)
