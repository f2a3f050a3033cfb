"""`bvinv products export`."""

import gzip
import json
import os
import subprocess
import sys
from contextlib import closing

from bvinv.core import engines

TITLES = ["sku", "HX-1", "HX-2", "HX-3"]


def skus(content: str) -> list[str]:
    return [line.partition(",")[0] for line in content.splitlines()]


def following(ran) -> str:
    """Return the cursor that an export ended with."""
    said = ran.stderr.splitlines()[-1]
    assert said.startswith("next: --since ")
    return said.removeprefix("next: --since ")


def test_everything_goes_to_stdout_and_what_is_said_to_stderr(bvinv):
    ran = bvinv("products export")
    assert ran.exit_code == 0
    assert skus(ran.stdout) == TITLES
    assert ran.stderr.splitlines()[0] == "3 products exported"


def test_the_name_of_a_file_says_what_goes_into_it(bvinv, tmp_path):
    bvinv("products export a.csv")
    bvinv("products export a.jsonl")
    bvinv("products export a.csv.gz")
    bvinv("products export a.JSONL.gz")
    bvinv("products export b.csv --format jsonl")

    table = (tmp_path / "a.csv").read_text()
    lines = (tmp_path / "a.jsonl").read_text()
    assert skus(table) == TITLES
    assert [json.loads(line)["sku"] for line in lines.splitlines()] == TITLES[1:]
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).decode() == table
    assert gzip.decompress((tmp_path / "a.JSONL.gz").read_bytes()).decode() == lines
    assert (tmp_path / "b.csv").read_text() == lines


def test_formulas_are_stopped_unless_they_are_wanted_raw(bvinv):
    bvinv("products add HX-9 --title =1+1")
    assert "HX-9,,'=1+1," in bvinv("products export").stdout
    assert "HX-9,,=1+1," in bvinv("products export --raw").stdout


def test_a_script_goes_on_where_it_stopped(bvinv):
    since = following(bvinv("products export all.csv"))
    assert bvinv(f"products export --since {since}").stderr.startswith("0 products exported")

    bvinv("products update HX-3 --title new")
    bvinv("products add HX-4 --title four")
    bvinv("products delete HX-4")
    ran = bvinv(f"products export --since {since}")

    assert skus(ran.stdout) == ["sku", "HX-3"]
    assert ran.stderr.splitlines()[:2] == ["deleted: HX-4", "1 products exported"]
    lines = bvinv(f"products export --since {since} -f jsonl")
    assert [json.loads(line).get("deleted") for line in lines.stdout.splitlines()] == [None, True]
    assert "deleted" not in lines.stderr
    again = bvinv(f"products export --since {following(ran)}")
    assert skus(again.stdout) == ["sku"]


def test_a_cursor_that_cannot_be_leaves_no_file(bvinv, tmp_path):
    for since, code in (("x", 2), ("99999-1", 4)):
        assert bvinv(f"products export out.csv --since {since}").refused(code)
        assert "Traceback" not in bvinv(f"products export --since {since}").refused(code)
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_a_file_that_cannot_be_written_is_said_plainly(bvinv):
    assert "cannot be written" in bvinv("products export missing/a.csv").refused(2)


def test_what_is_exported_changes_nothing_when_it_comes_back(bvinv):
    bvinv("products update HX-1 --title -1 --barcode 5012345678900=6")
    bvinv("products price HX-1 99")
    bvinv("products export all.csv")
    before = bvinv.fetch("SELECT * FROM product"), bvinv.fetch("SELECT * FROM price_change")

    row = bvinv("products import all.csv -f json").json

    assert (row["rows"], row["skipped"]) == (3, 3)
    after = bvinv.fetch("SELECT * FROM product"), bvinv.fetch("SELECT * FROM price_change")
    assert after == before


def test_a_slow_reader_keeps_no_transaction_open(bvinv):
    lines = "".join(f"P-{number},T{number},{'x' * 900}\n" for number in range(2000))
    bvinv("products import -", stdin=f"sku,title,description\n{lines}")
    command = [sys.executable, "-m", "bvinv", "products", "export"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ
    )
    try:
        assert process.stdout is not None
        head = process.stdout.read(1000)  # of two million: the rest does not fit into the pipe
        bvinv("products update HX-1 --title meanwhile")
        with closing(engines.sqlite_driver().connect(bvinv.path)) as connection:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert busy == 0
        content = head + process.stdout.read()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    assert content.count(b"\n") == 2004
    assert b"meanwhile" not in content
