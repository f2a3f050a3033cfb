"""The bytes of a file: read again and again, out of a gzip and out of a pipe, within bounds."""

import gzip
import hashlib
import io
import os
import resource
import subprocess
import sys
import tempfile
import threading
import zlib
from contextlib import suppress

import pytest

from bvinv.core.errors import Busy, InvalidInput
from bvinv.core.files.raw import raw

CONTENT = b"sku,title\n" + b"HX-1,Dune\n" * 99_999


def content(source: bytes) -> bytes:
    with raw(io.BytesIO(source), "a.csv") as file:
        file.opened().read(10)
        return file.opened().read()


def refusal(source: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        content(source)
    return caught.value


def test_a_gzip_is_read_as_what_is_in_it_and_known_by_its_own_bytes():
    packed = gzip.compress(CONTENT, mtime=0)
    assert content(packed) == CONTENT
    assert content(packed + packed) == CONTENT * 2
    with raw(io.BytesIO(packed), "a.csv") as file:
        assert file.is_gzip
        assert file.digest() == hashlib.sha256(packed).hexdigest()


def test_progress_is_the_share_of_the_stored_bytes():
    with raw(io.BytesIO(CONTENT), "a.csv") as file:
        source = file.opened()
        assert file.progress() == 0
        source.read(len(CONTENT) // 4)
        assert file.progress() == 0.25
        source.read()
        assert file.progress() == 1
    packed = gzip.compress(os.urandom(1_000_000))
    with raw(io.BytesIO(packed), "a.csv") as file:
        file.opened().read(500_000)
        assert 0.45 < file.progress() < 0.55


def test_a_gzip_that_is_cut_off_is_refused():
    error = refusal(gzip.compress(os.urandom(5000))[:-1000])
    assert error.detail == "a.csv ends in the middle of its gzip"
    assert error.hint == "is it complete?"


@pytest.mark.parametrize(
    "source",
    [
        gzip.compress(CONTENT, mtime=0)[:-8] + bytes(8),
        gzip.compress(CONTENT, mtime=0) + b"and more",
        gzip.compress(CONTENT, mtime=0)[:10] + b"\xff" * 500,
    ],
)
def test_a_damaged_gzip_is_refused(source):
    assert refusal(source).detail.startswith("a.csv is a damaged gzip: ")


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (b"PK\x03\x04xyz", "a ZIP archive or a spreadsheet (.xlsx, .ods)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an Excel spreadsheet (.xls)"),
        (b"BZh91AY", "compressed with bzip2"),
        (b"\xfd7zXZ\0\0", "compressed with xz"),
        (b"\x28\xb5\x2f\xfd\x04", "compressed with zstd"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\x89PNG\r\n", "a picture"),
        (b"\xff\xd8\xff\xe0", "a picture"),
        (b"PAR1\x15", "a Parquet file"),
    ],
)
def test_what_is_no_text_is_said_to_be_what_it_is_in_a_gzip_too(source, kind):
    for bytes_ in (source, gzip.compress(source)):
        error = refusal(bytes_)
        assert error.detail == f"a.csv seems to be {kind}"
        assert error.hint == "save it as CSV in UTF-8, with commas between the cells"


def test_a_gzip_inside_a_gzip_is_refused():
    assert refusal(gzip.compress(gzip.compress(b"a,b"))).detail == (
        "a.csv seems to be a gzip inside a gzip"
    )


def test_a_pipe_is_read_like_a_file():
    reader, writer = os.pipe()
    os.write(writer, gzip.compress(b"a,b\n1,2\n"))
    os.close(writer)
    with os.fdopen(reader, "rb") as source, raw(source, "-") as file:
        assert file.opened().read() == file.opened().read() == b"a,b\n1,2\n"
        assert file.progress() == 1


def test_a_named_pipe_is_read_like_a_file(tmp_path):
    path = tmp_path / "feed"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(CONTENT,))
    writer.start()
    with path.open("rb") as source, raw(source, "feed") as file:
        assert file.opened().read() == CONTENT
    writer.join()


MEASURED = """
import resource, sys
from bvinv.core.files import reading as files
from bvinv.core.errors import InvalidInput
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open(sys.argv[1], "rb") as source:
    try:
        with files.reading(source, name="bomb") as sheet:
            print(sum(1 for record in sheet.records()), "rows")
    except InvalidInput as error:
        print(error.detail)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(
    ("head", "fill", "said"),
    [
        (b"", b"\0", "bomb seems to be a binary file"),
        (b"a,b\n", b"1", "bomb has a line of more than 16 MiB"),
        (b'a,b\n1,"', b"x", "bomb has a line of more than 16 MiB"),
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in (
                (
                    b'[{"a":"',
                    b"x",
                    "bomb is not JSON in line 1, column 2: a value has more than 16 MiB",
                ),
                (b'[{"a":', b"[", "bomb is not JSON in line 1, column 2: it is nested too deeply"),
                (
                    b'{"a":"',
                    b"x",
                    "bomb is not JSON in line 1, column 1: a value has more than 16 MiB",
                ),
            )
        ),
    ],
)
def test_a_gigabyte_in_a_gzip_is_answered_in_bounded_memory(tmp_path, head, fill, said):
    member = gzip.compress(fill * (16 << 20), 6)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(head) + member * 64)
    assert path.stat().st_size < 4 << 20
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    answer, megabytes = done.stdout.splitlines()
    assert (answer, done.stderr) == (said, "")
    assert int(megabytes) < 150


def test_more_content_than_anybody_means_is_refused(monkeypatch):
    monkeypatch.setattr("bvinv.core.files.raw.LARGEST", 1 << 20)
    assert "more than 0 GiB of content" in refusal(gzip.compress(bytes(2 << 20))).detail
    reader, writer = os.pipe()

    def fill() -> None:
        with os.fdopen(writer, "wb") as target:
            target.write(bytes(2 << 20))

    filler = threading.Thread(target=fill)
    filler.start()
    with os.fdopen(reader, "rb") as source:
        with pytest.raises(InvalidInput), raw(source, "-"):
            pass
        source.read()
    filler.join()


def test_zlib_is_no_gzip():
    assert content(zlib.compress(b"a,b")) == zlib.compress(b"a,b")


def test_a_pipe_that_does_not_fit_on_the_disk_is_refused():
    reading_end, writing_end = os.pipe()
    writer = threading.Thread(target=_write_all, args=(writing_end, bytes(1 << 22)))
    writer.start()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with open(reading_end, "rb") as pipe, pytest.raises(Busy) as caught:  # noqa: PTH123
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
            with raw(pipe, "stdin"):
                pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        writer.join()
    assert caught.value.detail == f"there is no room in {tempfile.gettempdir()}: File too large"


def _write_all(descriptor: int, content: bytes) -> None:
    with suppress(BrokenPipeError), open(descriptor, "wb") as pipe:
        pipe.write(content)
