"""When an answer stops being true although nobody writes: holds run out, lots expire."""

from typing import Any

from bvinv.core.db import Session, Sql
from bvinv.core.models.reservation import OPEN

NEVER = 2**62
_DAY = 86_400_000_000  # microseconds

_NEXT = Sql("""
    SELECT (SELECT min(expires_at) FROM reservation
             WHERE status = 'held' AND expires_at > :now) AS hold
         , EXISTS (SELECT 1 FROM lot) AS has_lots
""")
_BELOW = """
    WITH RECURSIVE below(id) AS (
        SELECT CAST(:id AS bigint)
         UNION
        SELECT p.id FROM below AS b JOIN product AS p ON p.variant_of = b.id)
    SELECT id FROM below
"""
_NEXT_OF = Sql(f"""
    SELECT (SELECT min(r.expires_at)
              FROM stock_level AS l JOIN reservation_line AS r ON r.level_id = l.id
             WHERE l.product_id IN ({_BELOW}) AND {OPEN} AND r.expires_at > :now) AS hold
         , EXISTS (SELECT 1 FROM lot WHERE product_id IN ({_BELOW})) AS has_lots
""")


def upcoming(session: Session) -> int:
    """Return the instant (microseconds) until which everything that is available stays so by
    itself: the next hold runs out, or the UTC day ends, with which a lot may expire."""
    return _earliest(session, session.ask(_NEXT, now=session.now)[0])


def of_product(session: Session, number: int) -> int:
    """Return the same for what is available of one product, by its id, and of its variants."""
    return _earliest(session, session.ask(_NEXT_OF, id=number, now=session.now)[0])


def _earliest(session: Session, found: Any) -> int:
    midnight = (session.now // _DAY + 1) * _DAY if found.has_lots else NEVER
    return midnight if found.hold is None else min(int(found.hold), midnight)
