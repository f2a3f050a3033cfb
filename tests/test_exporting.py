"""Files on their way out."""

import errno
import gzip
import io
import os
import sys
import threading
from pathlib import Path

import pytest

from bvinv import exporting
from bvinv.core.errors import Busy, InvalidInput


def test_a_file_takes_its_name_when_it_is_complete(tmp_path):
    path = tmp_path / "out.csv"
    with exporting.written(path) as target:
        target.write("a\n")
        assert not path.exists()
    assert path.read_bytes() == b"a\n"

    with pytest.raises(ZeroDivisionError), exporting.written(path) as target:
        target.write("half")
        raise ZeroDivisionError
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"a\n", [path])


def test_a_name_in_gz_is_compressed_to_the_same_bytes_each_time(tmp_path):
    contents = []
    for name in ("a.csv.gz", "b.csv.GZ"):
        with exporting.written(tmp_path / name) as target:
            target.write("é\r\n" * 1000)
        contents.append((tmp_path / name).read_bytes())

    assert gzip.decompress(contents[0]).decode() == "é\r\n" * 1000
    assert contents[0] == contents[1]
    assert len(contents[0]) < 200


def test_stdout_gets_all_of_it_at_the_end_or_nothing(monkeypatch):
    stdout = io.StringIO(newline="")
    monkeypatch.setattr(sys, "stdout", stdout)

    with exporting.written(None) as target:
        target.write("a\r\nb\n")
        assert stdout.getvalue() == ""
    assert stdout.getvalue() == "a\r\nb\n"

    with pytest.raises(ZeroDivisionError), exporting.written(None) as target:
        target.write("half")
        raise ZeroDivisionError
    assert stdout.getvalue() == "a\r\nb\n"


@pytest.mark.parametrize("name", ["missing/out.csv", "x" * 300])
def test_a_file_that_cannot_be_written_is_said_plainly(tmp_path, name):
    with (
        pytest.raises(InvalidInput, match="cannot be written"),
        exporting.written(tmp_path / name) as target,
    ):
        target.write("a")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_the_file_stays(tmp_path):
    (tmp_path / "out").mkdir()
    with (
        pytest.raises(InvalidInput, match="cannot be written"),
        exporting.written(tmp_path / "out") as target,
    ):
        target.write("a")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["pipe", "link"])
def test_a_pipe_is_written_to_and_never_replaced(tmp_path, name):
    # The same is true of /dev/null and /dev/stdout; a test as root had better not try.
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    with exporting.written(tmp_path / name) as target:
        target.write("é\r\n" * 50_000)
    reader.join(30)
    assert found == ["é\r\n".encode() * 50_000]
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [link, pipe]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    folder = tmp_path / "far"
    folder.mkdir()
    (folder / "real.csv").write_text("old")
    link = tmp_path / "link.csv"
    link.symlink_to(folder / "real.csv")
    with exporting.written(link) as target:
        target.write("new")
    assert link.is_symlink()
    assert (folder / "real.csv").read_text() == "new"
    assert [path.name for path in folder.iterdir()] == ["real.csv"]


def test_a_disk_without_room_is_said_plainly(monkeypatch):
    stdout = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stdout)
    with pytest.raises(Busy, match="there is no room in"), exporting.written(None):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert stdout.getvalue() == ""


def test_a_dash_is_stdout(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with exporting.written(Path("-")) as target:
        target.write("a\n")
    assert (capsys.readouterr().out, list(tmp_path.iterdir())) == ("a\n", [])
