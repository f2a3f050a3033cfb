"""What was done by mistake is done backwards."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.commands.stock.group import app
from bvinv.core import text
from bvinv.core.db import Session
from bvinv.core.models.stock import MovementRow
from bvinv.core.models.transfer import UndoneRow
from bvinv.door import Call

SHOWN = (
    "id",
    "reverses",
    "sku",
    "warehouse",
    "kind",
    "quantity",
    "from_bin",
    "to_bin",
    "on_hand",
    "reserved",
    "document",
)


@door.changes(app)
def undo(
    call: Call,
    what: Annotated[
        str,
        typer.Argument(
            metavar="MOVEMENT|DOCUMENT",
            help="A movement's id, or RC-5, TR-3, CT-2.",
            show_default=False,
        ),
    ],
) -> None:
    """Undo a movement, a receipt, a count, or a step of a transfer.

    Of a transfer it is the last step; of a count, what it posted. Nothing is erased: reversals are
    added. Refused when the goods have moved on.

    Example: bvinv stock undo RC-5
    """
    from bvinv.core import undo as undoing

    if not what.strip().isdigit():
        call.run(lambda session: undoing.document(session, number=what.strip()), UndoneRow.columns)
        return

    def action(session: Session) -> MovementRow:
        return undoing.movement(
            session, movement_id=text.quantity(what.strip(), what="movement", maximum=2**62)
        )

    call.run(action, SHOWN)
