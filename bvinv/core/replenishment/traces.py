"""What replenishment keeps of products and categories, for when they are to be deleted."""

from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict

_OF_PRODUCT = Sql("""
    SELECT 1 AS found WHERE EXISTS (SELECT 1 FROM demand_day WHERE product_id = :id)
        OR EXISTS (SELECT 1 FROM forecast_level WHERE product_id = :id)
        OR EXISTS (SELECT 1 FROM forecast_override WHERE product_id = :id)
        OR EXISTS (SELECT 1 FROM reorder_suggestion WHERE product_id = :id)
        OR EXISTS (SELECT 1 FROM calendar_entry WHERE product_id = :id)
""")
_ENTRIES = Sql("""
    SELECT id FROM calendar_entry WHERE category_id = :id AND removed_at IS NULL ORDER BY id
""")
_DROP_ENTRIES = Sql("DELETE FROM calendar_entry WHERE category_id = :id")
_DROP_TARGET = Sql("DELETE FROM service_target WHERE scope = :scope AND subject = :id")


def has_product(session: Session, product_id: int) -> bool:
    """Tell whether demand was imported for a product, or anything forecast, said or suggested."""
    return bool(session.ask(_OF_PRODUCT, id=product_id))


def forget_product(session: Session, product_id: int) -> None:
    """Drop the service level of a product that goes and has no other trace."""
    session.send(_DROP_TARGET, [{"scope": "product", "id": product_id}])


def forget_category(session: Session, category_id: int, slug: str) -> None:
    """Drop the service level of a category that goes, and what the calendar said of it once.

    Raises Conflict while the calendar says something of it.
    """
    if entries := session.ask(_ENTRIES, id=category_id):
        raise Conflict(
            f"the calendar says something of {slug}",
            hint=f"first: bvinv forecast calendar remove {entries[0].id}",
            entries=[entry.id for entry in entries],
        )
    session.send(_DROP_ENTRIES, [{"id": category_id}])
    session.send(_DROP_TARGET, [{"scope": "category", "id": category_id}])
