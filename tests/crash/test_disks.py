"""Disks that are full, and files that are damaged (RELIABILITY.md C-07, C-11)."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.crash import day, full_disk, oracle, tracing

pytestmark = pytest.mark.crash
on_sqlite = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
ON_SMALL_DISK = """
mount -t tmpfs -o size=8m,mode=0700 none "$1" && exec "$2" -m tests.crash.full_disk "$1" "$3"
"""


# --- C-07 ---------------------------------------------------------------------------------------


def test_a_full_disk_refuses_writers_until_there_is_room(morning_file, tmp_path):
    if subprocess.run(["unshare", "-Urm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a disk of their own")
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", ON_SMALL_DISK, "sh", str(tmp_path), sys.executable,
         str(morning_file)],
        cwd=tracing.ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print({name: value for name, value in found.items() if name != "refused"})
    print(found["refused"][0])
    assert found["faults"] == []
    for code, stdout, stderr in found["refused"]:
        problem = json.loads(stderr)
        assert (code, stdout, problem["code"]) == (9, "", "busy"), problem
    assert len(found["refused"]) >= 20
    # While anybody has the database open, such as a server, everybody reads. Who comes when nobody
    # has would first have to make SQLite's file of shared memory, -shm: its first write of a byte
    # is refused (seen by strace: pwrite64(-shm, 1 byte at 4095) = ENOSPC). No lock of bvinv's is
    # in the way. In memory it could only be kept by somebody who locks all others out.
    assert [code for code, _ in found["reads_beside"]] == [0, 0, 0], found["reads_beside"]
    assert [code for code, _ in found["reads"]] == [9, 9, 9]
    assert all("error[busy]" in said or '"busy"' in said for _, said in found["reads"])
    assert found["resumed"] < 5


# --- C-11 ---------------------------------------------------------------------------------------


@pytest.fixture
def found_out(stable, tmp_path) -> Callable[[str], bool]:
    """Return a function that tells whether a damage is found out by what looks for it."""

    def look(where: str) -> bool:
        asked = {"log": str(tmp_path / "said"), "folder": str(tmp_path), "where": where}
        codes = []
        for words in (["db", "check"], ["stock", "verify"]):
            codes.append(stable.run(words=words, **asked))
            said = json.loads((tmp_path / "said").read_text())
            for text in (said["stdout"], said["stderr"]):
                assert "Traceback" not in text, text
                assert "this is a bug" not in text, text
        return any(codes)

    return look


@pytest.fixture
def after(mornings, asked, stable) -> str:
    """Return a SQLite database after a day: nobody has it open."""
    where = mornings.new()
    assert stable.run(**asked(where)) == 0
    return where


@on_sqlite
def test_twenty_flipped_bytes_are_found_out(after, found_out, engine_name, tmp_path):
    """One bit of a byte that a page uses, on twenty pages of tables and indexes of the books. What
    no rule binds, such as a title, has no checksum; see the README."""
    with closing(oracle.sqlite3.connect(after)) as wire:
        # What was deleted would still be in its pages, in use by nobody.
        wire.execute("VACUUM")
        wire.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        roots = [root for (root,) in wire.execute(BOOKS).fetchall()]
        [(size,)] = wire.execute("PRAGMA page_size").fetchall()
    whole = Path(after).read_bytes()
    chance = random.Random(11)
    missed = []
    for root in chance.sample(roots, 20):
        page = bytearray(whole[(root - 1) * size : root * size])
        # The header of the page, its array of cells, or the cells.
        used = [n for n in range(size) if page[n]] or [0]
        place = chance.choice(used)
        page[place] ^= 1 << chance.randrange(8)
        damaged = whole[: (root - 1) * size] + bytes(page) + whole[root * size :]
        for end in ("-wal", "-shm"):
            Path(f"{after}{end}").unlink(missing_ok=True)
        Path(after).write_bytes(damaged)
        if not found_out(after):
            missed.append((root, place))
    print(f"{20 - len(missed)} of 20 found out, not {missed}")
    assert len(missed) <= 1


BOOKS = """
    SELECT rootpage FROM sqlite_schema
     WHERE tbl_name IN ('movement', 'stock_level', 'bin_level', 'reservation_line', 'reservation',
                        'event', 'command_log', 'transfer_line', 'product', 'bin', 'warehouse')
       AND rootpage > 0
"""


@on_sqlite
def test_a_file_that_was_cut_short_is_refused(after, found_out, engine_name):
    whole = Path(after).read_bytes()
    for share in (0.0, 0.01, 0.3, 0.6, 0.9, 0.999):
        Path(after).write_bytes(whole[: int(len(whole) * share)])
        assert found_out(after), share


@on_sqlite
def test_a_log_that_was_taken_away_is_told_by_a_head_that_was_kept(
    mornings, asked, stable, engine_name, tmp_path
):
    """What the file itself holds then is sound, and an older state: nothing in it can tell."""
    where = mornings.new()
    said = {"where": where, "log": str(tmp_path / "said"), "folder": str(tmp_path)}

    def verify(*words: str) -> tuple[int, str]:
        code = stable.run(words=["stock", "verify", *words], **said)
        told = json.loads((tmp_path / "said").read_text())
        return code, told["stdout"] + told["stderr"]

    morning = verify("--head")[1].strip()
    with full_disk.reader(where):  # while somebody reads, nothing goes from the log to the file
        assert stable.run(**asked(where)) == 0
        code, head = verify("--head")
        assert code == 0
        assert verify("--against", head.strip())[0] == 0
    Path(f"{where}-wal").unlink()
    assert oracle.faults(where) == []
    assert oracle.faults(where, day.acks(mornings.log)) != []
    assert verify()[0] == 0
    assert verify("--against", morning)[0] == 0
    code, text = verify("--against", head.strip())
    assert code == 8, text
    print(text)
