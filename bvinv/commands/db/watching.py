"""How people see rows being moved."""

from collections.abc import Iterator
from contextlib import contextmanager

from bvinv import output
from bvinv.core.moving.watch import Watch


class _Shown(Watch):
    """Moves a bar, and says the rest above it."""

    def __init__(self, advance: output.Advance) -> None:
        self._advance = advance

    def says(self, text: str) -> None:
        output.note(text)

    def took(self, rows: int, share: float) -> None:
        self._advance(rows, share)


@contextmanager
def watched(label: str, *, go_on: str) -> Iterator[Watch]:
    """Yield who watches; to whoever interrupts it, say how to go on."""
    try:
        with output.progress(label) as advance:
            yield _Shown(advance)
    except KeyboardInterrupt:
        output.note(go_on or "nothing was changed")
        raise
