"""Where reservations come from."""

from typing import ClassVar

from bvinv.core.models.base import Row


class ChannelRow(Row):
    """A channel. One of low priority never gets the safety stock of a product that protects it."""

    columns: ClassVar[tuple[str, ...]] = ("code", "name", "low_priority")

    code: str
    name: str
    low_priority: bool
