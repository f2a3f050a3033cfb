"""`bvinv init`: create or upgrade the database."""

from typing import Annotated

import typer

from bvinv import door
from bvinv.core import command_log
from bvinv.core.command_log import Answer
from bvinv.core.models.base import Row
from bvinv.door import Call

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@door.changes(app)
def init(
    call: Call,
    sample: Annotated[
        bool, typer.Option("--sample", help="Load the sample shop: 200 titles, three warehouses.")
    ] = False,
) -> None:
    """Create the database, or bring it to this program's schema. Repeating is harmless.

    Example: bvinv init --sample
    """
    from bvinv.core import schema

    row = schema.upgrade(call.database, dry_run=call.dry_run)
    if call.dry_run:
        call.answer(Answer(row.record(), replayed=False, changes=[]))
        return
    stored = call.read(lambda session: command_log.replay(session, call.command()))
    if stored is not None:
        call.answer(Answer(stored, replayed=True, changes=[]))
        return
    done: Row = row
    if sample:
        from bvinv.core import sample as sample_shop

        done = sample_shop.load(call.database, schema=row, actor=call.actor)
    call.run(lambda _: done)
