"""Pick, pack, ship."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from bvinv import door
from bvinv.commands.reserve.group import Id, MaybeLines, app, parcel
from bvinv.core import command_log, text
from bvinv.core.errors import InvalidInput
from bvinv.core.models.pick import PackageRow, PickRow, ShipmentRow
from bvinv.door import Call

Package = Annotated[str, typer.Option("--package", metavar="LABEL", help="The package's label.")]
MaybePackage = Annotated[
    str | None, typer.Option("--package", metavar="LABEL", help="Only this package.")
]


@door.changes(app)
def pick(
    call: Call,
    reservation_id: Id,
    lines: MaybeLines = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that is left was picked as listed.")
    ] = False,
    bin_: Annotated[
        str | None,
        typer.Option("--bin", metavar="BIN", help="The bin, also if not as listed."),
    ] = None,
    short: Annotated[
        str | None,
        typer.Option("--short", metavar="SKU[=QTY]", help="These are not in their bin."),
    ] = None,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Bring it all back to the bins; the hold stays.")
    ] = False,
    scan: Annotated[bool, typer.Option("--scan", help="Confirm with a scanner.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with my last scans.")] = False,
    warehouse: Annotated[
        str, typer.Option("--warehouse", "-w", metavar="CODE", help="Where the scanner is.")
    ] = "",
) -> None:
    """Show what to fetch, in walking order; then confirm it.

    Confirm with SKU=QTY, or with --all when everything was as listed. Picked pieces stand in
    staging: on hand, reserved, and nobody else's. Picking lets the hold last 7 days at least. What
    is short is fetched from another bin, else it waits for goods, and the bin is to be counted.

    Example: bvinv reserve pick SO-1001 --all
    """
    from bvinv.core.fulfilment import picking

    _refuse_mixed(
        [bool(lines), everything, short is not None, cancel, scan],
        bin_is_lost=bin_ is not None and not (lines or short),
        scanner_is_lost=(resume or bool(warehouse)) and not scan,
    )
    if scan:
        from bvinv import scanning

        scanning.loop(
            call, mode="pick", warehouse=warehouse, document=reservation_id, resume=resume
        )
        return
    if cancel:
        _show(call, lambda s: picking.cancel(s, reservation_id=reservation_id))
    elif short is not None:
        _, equals, _ = short.rpartition("=")
        [(ref, pieces)] = text.lines([short]) if equals else [(short, None)]
        missing: dict[str, Any] = {"ref": ref, "quantity": pieces, "bin": bin_}
        _show(call, lambda s: picking.short(s, reservation_id=reservation_id, **missing))
    elif everything or lines:
        parsed = text.lines(lines) if lines else []
        picked: dict[str, Any] = {"lines": parsed, "everything": everything}
        _show(call, lambda s: picking.pick(s, reservation_id=reservation_id, bin=bin_, **picked))
    else:
        _show(call, lambda s: picking.start(s, reservation_id=reservation_id))


@door.changes(app)
def pack(
    call: Call,
    reservation_id: Id,
    package: Package,
    lines: MaybeLines = None,
    warehouse: door.MaybeWarehouse = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Take everything out again.")] = False,
) -> None:
    """Put what was picked into a package.

    All that is in none yet, or these lines.

    Example: bvinv reserve pack SO-1001 --package P-1
    """
    from bvinv.core.fulfilment import packing

    if cancel:
        if lines:
            raise InvalidInput("--cancel takes everything out of the package")
        call.run(
            lambda s: packing.unpack(s, reservation_id=reservation_id, label=package),
            PackageRow.columns,
        )
        return
    parsed = text.lines(lines) if lines else []
    call.run(
        lambda s: packing.pack(
            s, reservation_id=reservation_id, label=package, lines=parsed, warehouse=warehouse
        ),
        PackageRow.columns,
    )


@door.changes(app)
def ship(
    call: Call,
    reservation_id: Id,
    package: MaybePackage = None,
    tracking: Annotated[
        str, typer.Option("--tracking", metavar="NUMBER", help="The carrier's number.")
    ] = "",
    cancel: Annotated[
        bool, typer.Option("--cancel", help="It did not leave: take goods and hold back.")
    ] = False,
) -> None:
    """Let packages leave: all that are packed, or one. Goods and hold fall together.

    Example: bvinv reserve ship SO-1001 --tracking 1Z999AA10123456784
    """
    from bvinv.core.fulfilment import shipping

    if cancel:
        if tracking:
            raise InvalidInput("a package that is taken back has no tracking number")
        _show(
            call,
            lambda s: shipping.unship(s, reservation_id=reservation_id, package=package),
            ShipmentRow.columns,
        )
        return
    _show(
        call,
        lambda s: shipping.ship(
            s, reservation_id=reservation_id, package=package, tracking=tracking
        ),
        ShipmentRow.columns,
    )


def _refuse_mixed(asked: Sequence[bool], *, bin_is_lost: bool, scanner_is_lost: bool) -> None:
    if sum(asked) > 1:
        raise InvalidInput("one at a time: SKU=QTY, --all, --short, --cancel or --scan")
    if bin_is_lost:
        raise InvalidInput("--bin says where SKU=QTY or --short was", hint="HX-1=2 --bin A-01")
    if scanner_is_lost:
        raise InvalidInput("--resume and --warehouse belong to --scan")


def _show(call: Call, action: Any, columns: Sequence[str] = (*PickRow.columns, "shorts")) -> None:
    """Run the action; show people what a picker, or a packer, needs on 80 columns."""
    answer = command_log.execute(call.database, action, call.command(), dry_run=call.dry_run)
    if call.is_for_people and isinstance(answer.result, dict):
        shown = dict(answer.result)
        for name, short in (("lines", _stop), ("packages", parcel)):
            shown |= {name: [short(one) for one in shown[name]]} if name in shown else {}
        answer = answer._replace(result=shown)
    call.answer(answer, columns)


def _stop(line: dict[str, Any]) -> dict[str, Any]:
    """Return a stop of the walk as a picker reads it: where, how many are left, of what."""
    stop = {
        "warehouse": line["warehouse"],
        "bin": line["bin"],
        "to_pick": line["quantity"] - line["picked"] - line["short"],
        "picked": line["picked"],
        "short": line["short"],
        "sku": line["sku"],
        "title": line["title"],
    }
    return stop | ({"lot": line["lot"]} if line["lot"] else {})
