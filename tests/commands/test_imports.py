"""`bvinv products import` and `bvinv stock import`, as people and scripts meet them."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from bvinv import door
from bvinv.core.errors import InvalidInput
from tests.commands.shell import assert_refused

HEADER = "sku,title,isbn,price,currency,rating,genre\n"


# --- E-05: defects -------------------------------------------------------------------------------


def defective() -> tuple[bytes, dict[int, tuple[str, str]]]:
    """Return 10,000 rows of which 37 are bad, and code and field by the line of each."""
    chance = random.Random(37)
    rows = [
        f"SKU-{n:05},Title {n},,{n % 90}.99,USD,{n % 5},genre {n % 40}".encode()
        for n in range(10_000)
    ]
    bad = [
        (b"%s,", "invalid-input", ""),  # a cell more
        (b"%s,,,", "invalid-input", ""),
        (b"cut,off", "invalid-input", ""),
        (b"U-1,caf\xe9 \xff,,1,USD,,", "invalid-input", ""),
        (b"U-2,\xc3\x28,,1,USD,,", "invalid-input", ""),
        (b"N-1,nul\0byte,,1,USD,,", "invalid-input", ""),
        (b"SKU-00000,again,,1,USD,,", "conflict", "sku"),
        (b"sku-00001,again,,1,USD,,", "conflict", "sku"),
        (b",no sku,,1,USD,,", "invalid-input", "sku"),
        (b"T-1,,,1,USD,,", "invalid-input", "title"),
        (b"P-1,T,,-1,USD,,", "invalid-input", "price"),
        (b"P-2,T,,1.999,USD,,", "invalid-input", "price"),
        (b"P-3,T,,1e400,USD,,", "invalid-input", "price"),
        (b"P-4,T,,9223372036854775808,USD,,", "invalid-input", "price"),
        (b"P-5,T,,NaN,USD,,", "invalid-input", "price"),
        (b"P-6,T,,1_000,USD,,", "invalid-input", "price"),
        (b"P-7,T,,,USD,,", "invalid-input", "price"),
        (b"C-1,T,,1,ZZZ,,", "invalid-input", "currency"),
        (b"R-1,T,,1,USD,5.01,", "invalid-input", "rating"),
        (b"R-2,T,,1,USD,-1,", "invalid-input", "rating"),
        (b"R-3,T,,1,USD,1e400,", "invalid-input", "rating"),
        (b"I-1,T,9780306406158,1,USD,,", "invalid-input", "isbn"),
        (b"I-2,T,9.78E+12,1,USD,,", "invalid-input", "isbn"),
        (b"L-1,%s,,1,USD,," % (b"x" * 100_000), "invalid-input", "title"),
        (b"%s,T,,1,USD,," % (b"S" * 65), "invalid-input", "sku"),
        (b"G-1,T,,1,USD,,%s" % (b"g" * 101), "invalid-input", "category"),
        (b'Q-1,"not closed,,1,USD,,', "invalid-input", ""),
        (b'Q-2,a"b"c" and "d,,1,USD,,x', None, None),  # quotes inside a cell are text
    ]
    refused = [one for one in bad if one[1]]
    while len(refused) < 37:
        refused.append((b"E-%d,,,1,USD,," % len(refused), "invalid-input", "title"))
    places = sorted(chance.sample(range(10, 9_990), 37))
    found = {}
    for place, (row, code, field) in zip(places, refused, strict=True):
        rows[place] = row % rows[place] if b"%s" in row else row
        found[place + 2] = (code, field)
    return HEADER.encode() + b"\n".join(rows) + b"\n", found


def test_thirty_seven_defects_in_ten_thousand_rows_are_found(bvinv, tmp_path):
    content, defects = defective()
    (tmp_path / "books.csv").write_bytes(content)
    before = bvinv.dump()

    ran = bvinv("products import books.csv --atomic --rejects all.csv -f json")
    assert (ran.exit_code, bvinv.dump()) == (7, before)
    row = json.loads(ran.stdout)
    assert [row[name] for name in IMPORT[:5]] == [10_000, 0, 0, 9_963, 37]
    assert json.loads(ran.stderr)["detail"] == (
        "37 of 10000 rows were rejected: nothing was imported"
    )

    ran = bvinv("products import books.csv --rejects refused.csv -f json")
    assert ran.exit_code == 7
    row = json.loads(ran.stdout)
    assert [row[name] for name in IMPORT[:5]] == [10_000, 9_963, 0, 0, 37]
    assert (tmp_path / "refused.csv").read_bytes() == (tmp_path / "all.csv").read_bytes()
    stored = bvinv.fetch("SELECT place, code, field FROM import_reject ORDER BY place")
    assert {place + 2: (code, field) for place, code, field in stored} == defects
    assert [error["line"] for error in row["errors"]] == sorted(defects)[:20]
    rows = (tmp_path / "books.csv").read_bytes().split(b"\n")
    refused = (tmp_path / "refused.csv").read_bytes().split(b"\r\n")[1:-1]
    for line, written in zip(sorted(defects), refused, strict=True):
        assert written.replace(b'""', b'"').lstrip(b'"').startswith(rows[line - 1].rstrip(b","))


IMPORT = ["rows", "created", "updated", "skipped", "rejected", "rejects_file", "seconds"]


@pytest.mark.parametrize(
    ("header", "detail", "hint"),
    [
        (
            "sku,title,colour",
            "unknown columns: colour",
            "use --mapping COLUMN=FIELD, --mapping COLUMN=- or --ignore-unknown",
        ),
        (
            "SKU-1,Title 1,red",
            "the file has no column sku or isbn or barcode",
            "the file has: 'SKU-1', 'Title 1', red; use --mapping COLUMN=FIELD, or --no-header if "
            "that is the first row",
        ),
    ],
)
def test_a_header_that_is_missing_or_says_too_much_is_refused(
    bvinv, tmp_path, header, detail, hint
):
    (tmp_path / "books.csv").write_text(f"{header}\nSKU-2,Title 2,blue\n")
    assert_refused(bvinv, "products import books.csv", 2, detail, hint)


# --- E-06, E-08: quotes and lengths ---------------------------------------------------------------


def test_an_unclosed_quote_is_named_and_swallows_no_row(bvinv, tmp_path):
    lines = [f"SKU-{n},Title {n}" for n in range(10_000)]
    lines[4_998] = 'SKU-4998,"Title'
    (tmp_path / "books.csv").write_text("sku,title\n" + "\n".join(lines) + "\n")

    ran = bvinv("products import books.csv")

    assert ran.exit_code == 7
    assert ran.stderr == (
        "reading books.csv: CSV, UTF-8, comma\n"
        "error[partial]: 1 of 10000 rows were rejected\n"
        "  line 5000: a quote opens in this line and is not closed\n"
        "hint: use --rejects FILE to keep them\n"
    )
    assert bvinv.fetch("SELECT count(*) FROM product WHERE sku LIKE 'SKU-%'") == [(9_999,)]


def test_cells_that_are_too_long_are_refused_and_the_rest_imported(bvinv, tmp_path):
    long = f"A,{'n' * 100_000},\nB,T,{'d' * 100_000}\nC,T,{'d' * 1_000_000}\nD,T,short\n"
    (tmp_path / "books.csv").write_text(f"sku,title,description\n{long}")

    ran = bvinv("products import books.csv -f json")

    assert ran.exit_code == 7
    said = [(one["line"], one["field"], one["message"]) for one in json.loads(ran.stdout)["errors"]]
    assert said[0] == (
        2,
        "title",
        "the title has 100000 characters; at most 1000 are allowed",
    )
    assert [one[0] for one in said] == [2, 4]
    assert bvinv.fetch("SELECT sku, length(description) FROM product WHERE sku IN ('B', 'D')") == [
        ("B", 100_000),
        ("D", 5),
    ]


# --- E-07: encodings and places -------------------------------------------------------------------

TEXT = "sku,title,author\r\nZ-1,Café,Ægir\r\nZ-2,Two,B\r\n"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (TEXT.encode("utf-8-sig"), "CSV, UTF-8, comma"),
        (TEXT.replace("\r\n", "\r").encode(), "CSV, UTF-8, comma"),
        (TEXT.encode("utf-16"), "CSV, UTF-16, comma"),
        (TEXT.encode("cp1252"), "CSV, Windows-1252, comma"),
        (TEXT.replace(",", ";").encode(), "CSV, UTF-8, semicolon"),
        (TEXT.replace(",", "\t").encode(), "TSV, UTF-8"),
        (gzip.compress(TEXT.encode(), mtime=0), "CSV, UTF-8, comma, gzip"),
    ],
)
def test_whatever_a_file_is_written_in_it_says_the_same(bvinv, tmp_path, content, kind):
    (tmp_path / "books.csv").write_bytes(content)
    ran = bvinv("products import books.csv")
    assert ran.stderr == f"reading books.csv: {kind}\n"
    assert bvinv("products show Z-1 -f json").json["title"] == "Café"
    assert bvinv("products import books.csv -f json").json["kind"] == kind


def test_encoding_and_delimiter_can_be_said(bvinv, tmp_path):
    (tmp_path / "books.csv").write_bytes("sku|title\nZ-1|Žlutý\n".encode("iso8859-2"))
    line = "products import books.csv --encoding iso8859-2 --delimiter | -f json"
    assert bvinv(line).json["created"] == 1
    assert bvinv("products show Z-1 -f json").json["title"] == "Žlutý"
    (tmp_path / "stock.csv").write_text("HX-3~MAIN~5\n")
    line = (
        "stock import stock.csv --no-header --mapping 1=sku --mapping 2=warehouse "
        "--mapping 3=quantity --delimiter ~ -f json"
    )
    assert bvinv(line).json["created"] == 1


@pytest.mark.parametrize(
    ("content", "code", "detail"),
    [
        (b"", 2, "books.csv is empty"),
        (b"sku,sku,title\n", 2, "the header has 'sku' more than once"),
        (b"PK\x03\x04", 2, "books.csv seems to be a ZIP archive or a spreadsheet (.xlsx, .ods)"),
        (b"\x7fELF\x02\x01" + bytes(8), 2, "books.csv seems to be a binary file"),
        ("sku,title\nA,é".encode()[:-1], 2, "books.csv ends in the middle of a character"),
    ],
)
def test_what_is_no_file_of_products_is_refused(bvinv, tmp_path, content, code, detail):
    (tmp_path / "books.csv").write_bytes(content)
    before = bvinv.dump()
    said = bvinv("products import books.csv").refused(code)
    assert said.splitlines()[0].partition(": ")[2] == detail
    assert bvinv.dump() == before


@pytest.mark.parametrize("command", ["products import", "stock import"])
@pytest.mark.parametrize(
    ("name", "code", "detail"),
    [
        ("missing.csv", 3, "there is no file missing.csv"),
        ("folder", 2, "folder is a folder, not a file"),
    ],
)
def test_what_is_no_file_is_refused(bvinv, tmp_path, command, name, code, detail):
    (tmp_path / "folder").mkdir()
    before = bvinv.dump()
    assert bvinv(f"{command} {name}").refused(code) == f"error[{CODES[code]}]: {detail}\n"
    assert bvinv.dump() == before


CODES = {2: "invalid-input", 3: "not-found"}


def test_a_header_alone_is_no_error(bvinv, tmp_path):
    (tmp_path / "books.csv").write_text("sku,title\n")
    assert bvinv("products import books.csv -f json").json["rows"] == 0


def test_links_pipes_and_compressed_stdin_are_read(bvinv, tmp_path):
    (tmp_path / "books.csv").write_text(TEXT)
    (tmp_path / "link.csv").symlink_to("books.csv")
    assert bvinv("products import link.csv -f json").json["created"] == 2
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text(TEXT))
    writer.start()
    assert bvinv("products import pipe -f json").json["skipped"] == 2
    writer.join()
    assert bvinv("products import - -f json", stdin=gzip.compress(TEXT.encode())).json["rows"] == 2


# --- Options --------------------------------------------------------------------------------------


def test_a_mapping_can_be_saved_used_listed_and_forgotten(bvinv, tmp_path):
    (tmp_path / "a.csv").write_text("code,name,colour\nZ-1,One,red\n")
    (tmp_path / "b.csv").write_text("code,label,colour\nZ-2,Two,red\n")
    line = "products import a.csv --mapping code=sku --mapping colour=- --save-mapping shop"
    assert bvinv(f"{line} --dry-run -f json").json["created"] == 1
    assert bvinv("products mapping list -f json").json == []
    assert bvinv(f"{line} -f json").json["created"] == 1
    [found] = bvinv("products mapping list -f json").json
    assert (found["name"], found["mapping"]) == ("shop", {"code": "sku", "colour": "-"})

    line = "products import b.csv --use-mapping shop --mapping label=title -f json"
    assert bvinv(line).json["created"] == 1
    (tmp_path / "c.csv").write_text("sku,title\nZ-3,Three\n")
    assert_refused(
        bvinv,
        "products import c.csv --use-mapping shop",
        2,
        "the mapping names the columns 'code', 'colour', which are not there",
        "the file has: sku, title",
    )
    bvinv("products mapping delete shop")
    assert_refused(
        bvinv,
        "products import b.csv --use-mapping shop",
        3,
        "there is no mapping 'shop'",
        "see: bvinv products mapping list",
    )


def test_a_mapping_that_does_not_fit_is_not_saved(bvinv, tmp_path):
    (tmp_path / "a.csv").write_text("code,name\nZ-1,One\n")
    bvinv("products import a.csv --mapping cod=sku --save-mapping shop").refused(2)
    bvinv("products import a.csv --save-mapping shop").refused(2)
    assert bvinv("products mapping list -f json").json == []


def test_price_requests_are_counted_for_people_and_programs(bvinv):
    content = "sku,title,price,currency\nHX-1,Hex,13.99,GBP\n"
    ran = bvinv("products import - --dry-run", stdin=content)
    assert ran.stdout.splitlines()[-1].split() == ["price_requests", "1"]
    assert bvinv("products import - -f json", stdin=content).json["price_requests"] == 1
    assert bvinv("products show HX-1 -f json").json["price"] == "12.99"


def test_a_run_that_is_complete_answers_again_and_says_so(bvinv):
    content = "sku,title\nZ-1,One\nZ-2,\n"
    first = bvinv("products import - -f json", stdin=content)
    again = bvinv("products import - --resume -f json", stdin=content)
    assert (first.exit_code, again.exit_code) == (7, 7)
    assert json.loads(again.stdout) == json.loads(first.stdout) | {"replayed": True}
    assert again.stderr.startswith("answered as before: nothing was changed\n")


@pytest.mark.parametrize("rejects", ["books.csv", "./books.csv", "link.csv"])
def test_rejects_do_not_take_the_place_of_the_file_itself(bvinv, tmp_path, rejects):
    (tmp_path / "books.csv").write_text("sku,title\nZ-1,\n")
    (tmp_path / "link.csv").symlink_to("books.csv")
    said = bvinv(f"products import books.csv --rejects {rejects}").refused(2)
    assert said.endswith(": that is the file itself\n")
    assert (tmp_path / "books.csv").read_text() == "sku,title\nZ-1,\n"


# --- Interrupted ----------------------------------------------------------------------------------


def run(tmp_path, *words: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-c", "from bvinv.cli import main; main()", *words]
    return subprocess.Popen(
        program,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupted(bvinv, tmp_path, *words: str) -> tuple[int, str, str]:
    """Press Ctrl-C in the middle of an import of 60,000 rows."""
    rows = "".join(f"SKU-{n},Title {n}\n" for n in range(60_000))
    (tmp_path / "books.csv").write_text(f"sku,title\n{rows}")
    before = bvinv.fetch("SELECT count(*) FROM command_log")
    process = run(tmp_path, "products", "import", "books.csv", *words)
    ends_at = time.monotonic() + 30
    if words:
        assert process.stderr is not None
        assert process.stderr.readline() == "reading books.csv: CSV, UTF-8, comma\n"
        time.sleep(0.3)
    while not words and bvinv.fetch("SELECT count(*) FROM command_log") == before:
        assert time.monotonic() < ends_at
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def test_ctrl_c_says_what_stands_and_how_to_go_on(bvinv, tmp_path):
    code, out, err = interrupted(bvinv, tmp_path)

    assert (code, out) == (130, "")
    _, said, last = err.splitlines()
    assert said.startswith("the first ")
    assert said.endswith(" rows are done; go on with the same command and --resume")
    assert last == "interrupted"
    row = bvinv("products import books.csv --resume -f json").json
    assert [row[name] for name in IMPORT[:5]] == [60_000, 60_000, 0, 0, 0]


@pytest.mark.parametrize("option", ["--atomic", "--dry-run"])
def test_ctrl_c_changes_nothing_where_all_or_nothing_was_asked_for(bvinv, tmp_path, option):
    before = bvinv.dump()
    code, out, err = interrupted(bvinv, tmp_path, option)
    assert (code, out, err) == (130, "", "nothing was changed\ninterrupted\n")
    assert bvinv.dump() == before


def test_a_complete_run_is_resumed_to_write_its_rejects_again(bvinv, tmp_path):
    (tmp_path / "a.csv").write_text("sku,title\nA,T\nB,\n")
    line = f"products import {tmp_path / 'a.csv'} --rejects {tmp_path / 'r.csv'} --resume"
    assert bvinv(line).exit_code == 7
    first = (tmp_path / "r.csv").read_bytes()
    (tmp_path / "r.csv").unlink()
    again = bvinv(line)
    assert again.exit_code == 7
    assert "1 of 2 rows were rejected" in again.stderr
    assert (tmp_path / "r.csv").read_bytes() == first


def test_a_stdin_that_is_closed_or_empty_is_refused(bvinv, monkeypatch):
    assert "stdin is empty" in bvinv("products import -", stdin="").refused(2)
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InvalidInput, match="there is no stdin"), door.opened("-"):
        pass
