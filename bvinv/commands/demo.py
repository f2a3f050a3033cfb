"""`bvinv demo`: the whole story on a throw-away database, told by the commands themselves."""

import shlex
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import typer

from bvinv import output
from bvinv.core import sample

app = typer.Typer(rich_markup_mode=None, add_completion=False)

# Each step: what a reader should see in it, then the commands. `{data}` is the sample's folder.
STORY = (
    ("An empty machine: one command makes the database.", ["init"]),
    (
        "The catalogue comes in from a file: every row is checked, ISBN digits too.",
        ["products import {data}/catalogue.csv"],
    ),
    (
        "Search forgives a typo; its index is made at the first question.",
        ["search 'jane austin'"],
    ),
    (
        "A new price for what is on sale waits for somebody else's word.",
        [
            "--actor ann products price {book} 9.99",
            "--actor ann products approve 1",
            "--actor ben products approve 1",
        ],
    ),
    (
        "Three warehouses. The first is asked for stock first.",
        [
            "warehouse add MAIN --name 'Main warehouse' --priority 1",
            "warehouse add NORTH --name 'Northern depot' --priority 2",
            "warehouse add SHOP --name 'The shop' --priority 3",
        ],
    ),
    (
        "Goods arrive at the docks.",
        [
            "receive {book} --qty 10 --warehouse MAIN --document DN-1",
            "receive {book} --qty 4 --warehouse NORTH --document DN-2",
            "receive {thing} --qty 25 --warehouse SHOP --document DN-3",
        ],
    ),
    (
        "One book, four names: SKU, ISBN-13, ISBN-10 - and a barcode for what is no book.",
        [
            "stock show {book}",
            "stock show {isbn13} --warehouse MAIN",
            "stock show {isbn10} --warehouse NORTH",
            "stock show {barcode}",
        ],
    ),
    (
        "A checkout reserves 12: MAIN gives 10, NORTH gives 2.",
        ["reserve create SO-1 {book}=12"],
    ),
    (
        "Its answer was lost, so it asks again: the same answer, and nothing counted twice.",
        ["reserve create SO-1 {book}=12"],
    ),
    (
        "Somebody else wants 3. Two are left, and nothing is oversold.",
        ["reserve create SO-2 {book}=3"],
    ),
    (
        "They take 2 for one second, and never come back.",
        ["reserve create SO-3 {book}=2 --ttl 1s"],
    ),
    (
        "Their hold has run out: it stopped counting at once, and cannot be shipped any more.",
        ["stock show {book}", "reserve commit SO-3"],
    ),
    ("cron records what has run out. A second run finds nothing.", ["reserve expire"] * 2),
    (
        "The first order leaves: on hand and reserved fall together.",
        ["reserve commit SO-1 {book}=11 --close"],
    ),
    (
        "More is ordered. Too much is not taken in; what came is put away where it is proposed.",
        [
            "purchase supplier add HARBOUR --name Harbour --currency GBP --lead-time-days 3",
            "purchase supplier terms HARBOUR {book} --cost 5.66 --pack-size 5",
            "purchase order create HARBOUR {book}=15 --warehouse MAIN --place",
            "receive --order PO-1 {book}=20",
            "receive --order PO-1 {book}=10 --document HQ-4711",
            "stock put-away {book} --warehouse MAIN",
        ],
    ),
    (
        "Four go from MAIN to the shop, and three arrive.",
        [
            "transfer create {book}=4 --from MAIN --to SHOP --ship",
            "transfer receive TR-1 {book}=3",
            "transfer close TR-1 --lost {book}=1",
        ],
    ),
    (
        "An order is picked, packed and shipped.",
        [
            "reserve create SO-4 {book}=2 --warehouse MAIN",
            "reserve pick SO-4",
            "reserve pick SO-4 --all",
            "reserve pack SO-4 --package BOX-1",
            "reserve ship SO-4 --tracking RM-0815",
        ],
    ),
    (
        "A clumsy moment in the shop: first tried dry, then done.",
        [
            "stock adjust {thing} --warehouse SHOP --change -2 --reason damaged --dry-run",
            "stock adjust {thing} --warehouse SHOP --change -2 --reason damaged",
        ],
    ),
    (
        "A year of sales from before bvinv: what will be asked for, learned from all of it.",
        [
            "forecast import {data}/demand.csv",
            "forecast demand {book} --warehouse SHOP --as-of 2026-11-08",
        ],
    ),
    (
        "The night stores when to order what; in the morning it is ordered, and once only.",
        [
            "purchase supplier terms HARBOUR EMMA-01 --cost 5.66 --pack-size 5",
            "forecast run --as-of 2026-11-08",
            "forecast reorder --supplier HARBOUR",
            "forecast why {book} --warehouse NORTH",
            "forecast reorder --supplier HARBOUR --create-orders",
            "forecast reorder --supplier HARBOUR --create-orders",
        ],
    ),
    ("Why is it so? Everything is in the ledger.", ["stock why {book} --warehouse NORTH"]),
    ("Proof: every hash chain replayed, every count compared.", ["stock verify"]),
    ("What stands.", ["stock list"]),
)
# What has to be refused, with which exit code.
REFUSED = {
    "--actor ann products approve 1": 6,
    "reserve create SO-2 {book}=3": 5,
    "reserve commit SO-3": 4,
    "receive --order PO-1 {book}=20": 4,
}
NAMES = {
    "book": "PRIDE-01",
    "isbn13": "978-0-14-143951-8",
    "isbn10": "0-14-143951-3",
    "thing": "MUG-01",
    "barcode": "",
}


@app.command()
def demo(ctx: typer.Context) -> None:
    """Play the whole story on a throw-away database: import, search, reserve, order, verify.

    Example: bvinv demo
    """
    root = ctx.find_root().command
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bvinv-demo-") as folder:
        database = str(Path(folder) / "demo.db")
        names = NAMES | {
            "data": shlex.quote(str(sample.folder())),
            "barcode": sample.barcode(NAMES["thing"]),
        }
        for number, (told, commands) in enumerate(STORY, start=1):
            output.heading(f"{number:2}. {told}")
            for command in commands:
                _play(root.main, database, command.format(**names), REFUSED.get(command, 0))
            if "--ttl 1s" in commands[-1]:
                time.sleep(1.1)
    output.heading(
        f"Done in {time.monotonic() - began:.1f} s. Your own: bvinv init --sample, bvinv --help"
    )


def _play(run: Callable[..., object], database: str, command: str, expected: int) -> None:
    """Run one command as its user would; the story ends where one does not go as told."""
    output.prompt(f"bvinv {command}")
    try:
        run(["--db", database, *shlex.split(command)])
    except SystemExit as stop:
        if stop.code != expected:
            raise
        if expected:
            output.note(f"(exit code {expected})")
