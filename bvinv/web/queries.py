"""What questions say in their paths and after the question mark, where routes share it."""

from typing import Annotated

from fastapi import Path, Query

from bvinv.web.bodies import TIME
from bvinv.web.door import Digits

Ref = Annotated[
    str,
    Path(
        min_length=1,
        max_length=100,
        examples=["HX-1"],
        description="SKU, ISBN-10, ISBN-13 or barcode.",
    ),
]
Code = Annotated[str, Path(min_length=1, max_length=100)]
MaybeCode = Annotated[str | None, Query(min_length=1, max_length=100)]
Limit = Annotated[int, Query(ge=1, le=1000, description="Rows a page."), Digits]
After = Annotated[
    str | None, Query(min_length=1, max_length=300, description="Go on after this page.")
]
Time = Annotated[
    str | None,
    Query(
        min_length=10,
        max_length=40,
        pattern=TIME,
        description="RFC 3339, with its offset from UTC.",
    ),
]
