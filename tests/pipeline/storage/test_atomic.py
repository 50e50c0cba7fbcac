"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.atomic import ENDING, FOREIGN_S, atomic_write, write_named


def test_interrupted_write_leaves_the_old_content_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    with atomic_write(path) as file:
        file.write(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as file:
        file.write(b"new, but not all of")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with atomic_write(path) as file:
        file.write(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"


def test_who_reads_the_old_file_meanwhile_reads_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with open(path, "rb") as reader:
        with atomic_write(path) as file:
            file.write(b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"


def test_leftover_of_a_killed_process_is_removed_and_of_a_running_one_kept(
    tmp_path: Path,
) -> None:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    with atomic_write(tmp_path / "name"):
        (own,) = tmp_path.glob(f"name.*{ENDING}")
    home = own.name.removeprefix("name.").rpartition("-")[0]
    killed = tmp_path / f"entry.npz.{home}-{finished.pid}{ENDING}"
    running = tmp_path / f"entry.npz.{home}-{os.getppid()}{ENDING}"
    for leftover in (killed, running):
        leftover.write_bytes(b"half")
    with atomic_write(tmp_path / "entry.npz") as file:
        file.write(b"whole")
    assert not killed.exists()
    killed.write_bytes(b"half")
    with atomic_write(tmp_path / "another") as file:  # any file of the folder
        file.write(b"whole")
    assert not killed.exists()
    assert running.exists()


def test_temporary_file_of_another_machine_is_kept_for_a_day(tmp_path: Path) -> None:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()  # a process that may run there all the same
    for age_s, kept in ((0, True), (2 * FOREIGN_S, False)):
        foreign = tmp_path / f"entry.npz.elsewhere-{finished.pid}{ENDING}"
        foreign.write_bytes(b"half")
        os.utime(foreign, (time.time() - age_s,) * 2)
        with atomic_write(tmp_path / "another") as file:
            file.write(b"whole")
        assert foreign.exists() == kept


def test_named_place_that_is_wrong_is_bad_input_and_a_full_disk_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_bytes(b"")
    wrong = tmp_path / "file" / "x"
    with pytest.raises(BadInput, match="x: cannot be written"), write_named(wrong):
        pass
    with pytest.raises(OSError, match="No space") as full, write_named(tmp_path / "x"):
        raise OSError(errno.ENOSPC, "No space")
    assert full.value.filename == str(tmp_path / "x")


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, what in ((tmp_path / "pipe", "not a regular file"), (tmp_path, "folder")):
        with pytest.raises(BadInput, match=what), atomic_write(path):
            pass
    assert (tmp_path / "pipe").is_fifo()


def test_link_stays_and_what_it_leads_to_is_replaced_with_its_permissions(
    tmp_path: Path,
) -> None:
    real, link = tmp_path / "deep" / "real", tmp_path / "link"
    real.parent.mkdir()
    real.write_bytes(b"old")
    real.chmod(0o600)
    link.symlink_to(real)
    with write_named(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert real.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["deep", "link", "real"]


def test_leftover_that_nobody_can_remove_keeps_nobody_from_writing(
    tmp_path: Path,
) -> None:
    with atomic_write(tmp_path / "name"):
        (own,) = tmp_path.glob(f"name.*{ENDING}")
    home = own.name.removeprefix("name.").rpartition("-")[0]
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    folder = tmp_path / f"entry.{home}-{finished.pid}{ENDING}"
    folder.mkdir()
    with atomic_write(tmp_path / "entry") as file:
        file.write(b"whole")
    assert (tmp_path / "entry").read_bytes() == b"whole"
    assert folder.is_dir()


def test_link_to_a_pipe_is_refused_by_its_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    refused = pytest.raises(BadInput, match="link: not a regular file; name another")
    with refused, write_named(tmp_path / "link"):
        pass
