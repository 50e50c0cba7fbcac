"""Files appear whole or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.atomic import (
    ENDING,
    MACHINE,
    atomic_write,
    write_named,
)


def test_interrupted_write_leaves_the_old_content_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    with atomic_write(path) as file:
        file.write(b"old")
        assert not path.exists()
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as file:
        file.write(b"new, but not all of")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_leftovers_of_killed_processes_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    killed = tmp_path / f"entry.npz.{MACHINE}.{ended.pid}{ENDING}"
    running = tmp_path / f"entry.npz.{MACHINE}.{os.getppid()}{ENDING}"
    unnamed = tmp_path / f"entry.{MACHINE}.{ENDING}"
    elsewhere = tmp_path / f"entry.npz.0badcafe.{ended.pid}{ENDING}"
    no_file = tmp_path / f"folder.{MACHINE}.{ended.pid}{ENDING}"  # cannot be unlinked
    for leftover in (killed, running, unnamed, elsewhere):
        leftover.touch()
    no_file.mkdir()
    with atomic_write(tmp_path / "another"):
        pass
    kept = {running, unnamed, elsewhere, no_file}
    assert {*tmp_path.iterdir()} == {*kept, tmp_path / "another"}


def test_only_a_regular_file_in_a_folder_is_replaced(tmp_path: Path) -> None:
    pipe, link, file = tmp_path / "pipe", tmp_path / "link", tmp_path / "file"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    file.touch()
    for path in (pipe, link, tmp_path, file / "x"):
        with pytest.raises(BadInput, match=f"^{path}: "), write_named(path):
            pass
    assert pipe.is_fifo()


def test_full_disk_is_not_bad_input(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space") as full, write_named(tmp_path / "x"):
        raise OSError(errno.ENOSPC, "No space")
    assert full.value.filename == str(tmp_path / "x")


def test_link_stays_and_its_target_keeps_its_permissions(tmp_path: Path) -> None:
    target, link = tmp_path / "deep" / "target", tmp_path / "link"
    target.parent.mkdir()
    target.touch(0o600)
    link.symlink_to(target)
    with write_named(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.rglob("*")} == {"deep", "link", "target"}
