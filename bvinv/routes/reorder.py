"""What to order. Drafts of it are written at the command line."""

from typing import Annotated

from fastapi import Query, Response

from bvinv.core.models.reorder import ReorderRow
from bvinv.core.replenishment import reorder
from bvinv.web import door
from bvinv.web.door import Reading, Truth
from bvinv.web.paths import Router
from bvinv.web.queries import After, Limit, MaybeCode

router = Router("replenishment")

First = Annotated[
    Truth, Query(description="Move what others have too much of before anything is bought.")
]


@router.get("/reorder", **door.reads("forecast reorder", list[ReorderRow]))
async def page(
    call: Reading,
    warehouse: MaybeCode = None,
    supplier: MaybeCode = None,
    transfer_first: First = False,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """List what to order, the most urgent first, and why."""
    rows, cursor = await call.read(
        lambda session: reorder.page(
            session,
            warehouse=warehouse,
            supplier=supplier,
            transfer_first=transfer_first,
            limit=limit,
            after=after,
        )
    )
    return call.page(rows, cursor)
