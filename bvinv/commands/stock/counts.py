"""Counting, at the terminal."""

from typing import Annotated, Any

import typer

from bvinv import door, output
from bvinv.commands.stock.group import count_app as app
from bvinv.core import text
from bvinv.core.command_log import Answer
from bvinv.core.errors import InvalidInput
from bvinv.core.models.count import RECOUNT, CountedRow, CountRow, CountSummaryRow
from bvinv.door import Call

# What a line shows to people; what no line has is left out.
_LINE = ("bin", "sku", "lot", "counted", "expected", "difference", "attempts", "state")
_HEAD = tuple(name for name in CountRow.columns if name not in ("lines", "left"))


def pieces(value: str) -> int:
    """Return a quantity that may be nothing."""
    return text.quantity(value, minimum=0)


def tolerated(value: str) -> int:
    """Return a tolerance."""
    return text.quantity(value, what="tolerance", minimum=0)


Count = Annotated[
    str, typer.Argument(metavar="COUNT", help="Its number: CT-1.", show_default=False)
]


@door.changes(app, "open")
def open_(
    call: Call,
    warehouse: door.WarehouseOption,
    refs: Annotated[
        list[str] | None,
        typer.Argument(metavar="REF", help="Only these products.", show_default=False),
    ] = None,
    bins: Annotated[
        str | None,
        typer.Option("--bins", metavar="A-01..A-20", help="Only these bins, by code."),
    ] = None,
    bin_: door.MaybeBin = None,
    class_: Annotated[
        str | None,
        typer.Option("--class", metavar="A|B|C", help="Only this class, by pieces sold."),
    ] = None,
    tolerance: Annotated[
        int | None,
        typer.Option(
            "--tolerance",
            parser=tolerated,
            metavar="N",
            help="Count a second time above this difference; 0.",
        ),
    ] = None,
    not_blind: Annotated[
        bool, typer.Option("--not-blind", help="Show what the record says.")
    ] = False,
    note: Annotated[str, typer.Option("--note", help="For people who ask later.")] = "",
) -> None:
    """Open a count of a warehouse, or of a part of it. Goods may move meanwhile.

    Class A are the products that make the first 80 percent of what was sold, B those up to 95.

    Example: bvinv stock count open --warehouse MAIN --bins A-01..A-20
    """
    from bvinv.core.counts import counting

    if bins is not None and bin_ is not None:
        raise InvalidInput("say --bin or --bins, not both")
    call.run(
        lambda session: counting.open(
            session,
            warehouse=warehouse,
            bins=bins if bins is not None else bin_,
            class_=class_,
            refs=refs or [],
            tolerance=tolerance or 0,
            blind=not not_blind,
            note=note,
        ),
        _HEAD,
    )


@door.changes(app)
def add(
    call: Call,
    count: Count,
    ref: Annotated[
        str | None,
        typer.Argument(metavar="REF", help="SKU, ISBN or barcode.", show_default=False),
    ] = None,
    bin_: door.MaybeBin = None,
    qty: Annotated[
        int | None,
        typer.Option("--qty", parser=pieces, metavar="N", help="Pieces; 0 for none there."),
    ] = None,
    lot: Annotated[str, typer.Option("--lot", metavar="LOT", help="The lot, if it has one.")] = "",
    scan: Annotated[bool, typer.Option("--scan", help="Read codes from a scanner.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="With --scan: go on where the last one ended.")
    ] = False,
    yes: door.Yes = False,
) -> None:
    """Say how many pieces lie in a bin, whatever the record says.

    The same again replaces it. What differs from the record is counted a second time, and the
    second count decides when it repeats the first.

    Example: bvinv stock count add CT-1 HX-1 --bin A-01 --qty 12
    """
    from bvinv.core.counts import count_rows, counting

    if door.scans(scan=scan, resume=resume, said=(ref, bin_, qty, lot)):
        from bvinv import scanning

        where = call.read(lambda session: count_rows.warehouse(session, count=count))
        scanning.loop(call, mode="count", warehouse=where, document=count, resume=resume)
        return
    if ref is None or bin_ is None or qty is None:
        raise InvalidInput(
            "say what lies where, and how much",
            hint=f"bvinv stock count add {count} HX-1 --bin A-01 --qty 12; or: --scan",
        )
    door.confirm(call, [qty], yes)
    answer = call.run(
        lambda session: counting.add(
            session, count=count, ref=ref, bin=bin_, quantity=qty, lot=lot
        ),
        CountedRow.columns,
    )
    if not call.dry_run and _said(answer, "state") == RECOUNT:
        output.note("it differs from the record, or from the count before: count it again")


@door.shows(app)
def show(call: Call, count: Count) -> None:
    """Show what was counted, what is to be counted again, what is left.

    While a blind count is open, nobody is told what the record expects.

    Example: bvinv stock count show CT-1
    """
    from bvinv.core.counts import counting

    row = call.read(lambda session: counting.show(session, count=count))
    if not call.is_for_people:
        call.show(row)
        return
    record = row.record()
    record["lines"] = _short(record["lines"])
    record["left"] = _short(record["left"])
    call.print(record, CountRow.columns)
    if row.uncounted and row.uncounted > len(row.left):
        output.note(f"{row.uncounted - len(row.left)} more places are left")


@door.shows(app, "list")
def list_(
    call: Call,
    status: Annotated[
        str | None, typer.Option("--status", help="open, posted or cancelled.")
    ] = None,
    warehouse: door.MaybeWarehouse = None,
    limit: door.Limit = None,
    after: door.After = None,
) -> None:
    """List counts, the newest first.

    Example: bvinv stock count list --status open
    """
    from bvinv.core.counts import counting

    rows, cursor = call.read(
        lambda session: counting.page(
            session, status=status, warehouse=warehouse, limit=limit or 50, after=after
        )
    )
    call.page(rows, CountSummaryRow, after=cursor)


@door.changes(app)
def post(
    call: Call,
    count: Count,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take what waits for a second count as it is.")
    ] = False,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave what cannot be posted to be counted again.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="CODE", help="Why; found, and lost.")
    ] = None,
    break_: Annotated[
        str | None,
        typer.Option("--break", metavar="newest", help="Turn the newest holds into backorders."),
    ] = None,
) -> None:
    """Post what differs, all of it or nothing.

    What was not counted stays as it is. What moved since it was counted is allowed for.

    Example: bvinv stock count post CT-1
    """
    from bvinv.core.counts import counting

    if break_ not in (None, "newest"):
        raise InvalidInput("--break knows one way: newest")
    answer = call.run(
        lambda session: counting.post(
            session,
            count=count,
            accept=accept,
            skip=skip,
            reason=reason,
            break_newest=break_ is not None,
        ),
        _HEAD,
    )
    if not call.dry_run and (left := _said(answer, "uncounted")):
        output.note(f"not counted, and left as they are: {left}")


@door.changes(app)
def cancel(call: Call, count: Count) -> None:
    """Close a count without posting what is left of it.

    Example: bvinv stock count cancel CT-1
    """
    from bvinv.core.counts import counting

    call.run(lambda session: counting.cancel(session, count=count), _HEAD)


def _said(answer: Answer, key: str) -> Any:
    return answer.result[key] if isinstance(answer.result, dict) else None


def _short(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return these lines with the columns for people that any of them has."""
    used = [name for name in _LINE if any(line.get(name) is not None for line in lines)]
    return [{name: line[name] for name in used} for line in lines]
