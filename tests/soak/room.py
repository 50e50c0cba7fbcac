"""Too little disk or memory, and no permission to write."""

import contextlib
import ctypes
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.soak.commands import MethodRun, method_runs, read_record, run_arguments
from tests.soak.fault import Fault, make_digits, new_folder, refusal_problems, run
from visbase.pipeline.storage import results

FILE_KB = (1, 10, 50, 100, 200, 400)  # largest file
MEMORY_MIB = (300, 900, 1500, 1850, 1900, 2000, 2400, 4000)  # of address space
LIMITS = {  # name of the fault -> kind of limit, its unit in bytes, sizes
    "files of `{}` limited to {} kB": (resource.RLIMIT_FSIZE, 1 << 10, FILE_KB),
    "memory of `{}` limited to {} MiB": (resource.RLIMIT_AS, 1 << 20, MEMORY_MIB),
}
DISK_KB = (16, 64, 256, 512, 1024)
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1  # of linux/prctl.h, linux/capability.h
OUTCOME = (
    "one error line, exit status 1, earlier record intact; succeeds once there is room"
    "; {} had enough room from the start"
)
NO_PLACE = (
    "one error line, exit status 1 (2 if the user named the place); nothing written"
)
NOT_ROOT = "not run: only root may mount a small disk"


def faults(short: bool) -> Iterator[Fault]:
    with new_folder() as folder:
        digits = make_digits(folder / "digits", short)
        disk_kb = DISK_KB[1:2] if short else DISK_KB
        for method_run in method_runs(digits, short):
            method = method_run.name
            for name, (kind, unit, sizes) in LIMITS.items():
                tried = sizes[1:2] if short else sizes
                shortages = [_limited(kind, size * unit) for size in tried]
                listed = " ".join(map(str, tried))
                yield _without_room(name.format(method, listed), method_run, shortages)
            name = f"disk and /tmp full during `{method}`"
            full = [_full_disk(method_run, kb) for kb in disk_kb]
            yield _without_room(name, method_run, full)
            name = f"/tmp full during `{method}`"
            yield _without_room(name, method_run, [_full_tmp()])
        yield _read_only(digits)
        yield _forbidden(digits)


class NotRoot(Exception):
    """A small disk cannot be mounted."""


# a folder for a run, and a limit of its process or a full disk for its /tmp
Place = tuple[Path, Callable[[], object] | None, Path | None]
Shortages = list[AbstractContextManager[Place]]


def _without_room(name: str, method_run: MethodRun, shortages: Shortages) -> Fault:
    """Run over an earlier record without room, and again once there is room."""
    problems, n_enough = [], 0
    for i, shortage in enumerate(shortages):
        trial = f"{name}, size {i}"
        try:
            with shortage as (home, limit, disk):
                variables = {"TMPDIR": str(disk)} if disk else {}
                method_run.prepare(home)
                done = method_run.run(home, variables=variables, preexec_fn=limit)
                if not method_run.is_sound(home):
                    problems.append(f"{trial}: the earlier record is torn")
                if "seed0.json" not in read_record(home / "artifacts" / "results"):
                    problems.append(f"{trial}: the earlier record is lost")
                if done.returncode:
                    problems += refusal_problems(trial, done, (1,))
                n_enough += done.returncode == 0
                if disk:
                    _remount(disk, "size=200m")
                problems += method_run.rerun(trial, home, variables=variables)
        except NotRoot:
            return Fault(name, 0, NOT_ROOT)
    return Fault(name, len(shortages), OUTCOME.format(n_enough), problems)


@contextmanager
def _limited(kind: int, size: int) -> Iterator[Place]:
    with new_folder() as folder:
        yield folder, lambda: resource.setrlimit(kind, (size, size)), None


@contextmanager
def _full_disk(method_run: MethodRun, free_kb: int) -> Iterator[Place]:
    """Artifacts, results, model and /tmp on a small disk, beside an earlier record."""
    files = [path for path in method_run.earlier.rglob("*") if path.is_file()]
    n_blocks = sum(-(-path.stat().st_size // 4096) for path in files)
    with _small_disk(f"{4 * n_blocks + free_kb}k") as disk:
        yield disk, None, disk


@contextmanager
def _full_tmp() -> Iterator[Place]:
    """/tmp alone is full; results and caches have room."""
    with _small_disk("4k") as disk, new_folder() as folder:
        with contextlib.suppress(OSError):
            (disk / "full").write_bytes(bytes(1 << 20))
        yield folder, None, disk


@contextmanager
def _small_disk(size: str) -> Iterator[Path]:
    """Mount a file system in memory; raise NotRoot where that is not allowed."""
    with new_folder() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
        if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
            raise NotRoot
        try:
            yield folder
        finally:
            subprocess.run(["umount", folder], check=True)


def _remount(disk: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(disk)], check=True)


def _read_only(digits: Path) -> Fault:
    """Every place that is written to is on a read-only disk."""
    name = "read-only disk"
    committed = {"VISBASE_RESULTS": str(results())}
    try:
        with _small_disk("10m") as disk:
            _remount(disk, "ro")
            save = run_arguments("bovw_pyramid", digits, disk)
            report = ["report", "--out", str(disk / "report")]
            attempts, problems = (save[:-2], ["run", "majority"], save, report), []
            for arguments in attempts:
                variables = committed if arguments == report else {}
                done = run(arguments, disk, variables=variables)
                problems += refusal_problems(" ".join(arguments[:2]), done, (1, 2))
    except NotRoot:
        return Fault(name, 0, NOT_ROOT)
    return Fault(name, len(attempts), NO_PLACE, problems)


def _forbidden(digits: Path) -> Fault:
    """No permission to write where results, caches and model belong."""
    name, drop = "no permission to write", (PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)
    with new_folder() as home:
        home.chmod(0o555)
        arguments = run_arguments("bovw_pyramid", digits, home)[:-2]
        # without this capability root has to obey permissions as well
        done = run(arguments, home, preexec_fn=lambda: ctypes.CDLL(None).prctl(*drop))
        problems = refusal_problems(name, done, (1, 2))
        problems += ["it wrote a file"] if any(home.iterdir()) else []
        home.chmod(0o755)
    return Fault(name, 1, NO_PLACE, problems)
