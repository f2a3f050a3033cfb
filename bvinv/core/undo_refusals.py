"""Why a movement cannot be undone, with what came after it named."""

from collections.abc import Sequence
from typing import Any

from bvinv.core import documents, shortages
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InsufficientStock
from bvinv.core.ledger import Level, Place

Step = tuple[Level, Any, Place, Place]  # a level, a movement of it, and the ends of its reversal
NAMED, LISTED = 3, 50  # dependents in the sentence, and in the error's list

_REVERSED = Sql("""
    SELECT id, level_id, reverses FROM movement
     WHERE level_id IN :levels AND reverses IN :seqs AND reverses > 0
""")
# What left the bin afterwards and did not come back.
_DEPENDENTS = Sql("""
    SELECT m.id, m.kind, m.quantity, m.document, m.to_bin FROM movement AS m
     WHERE m.level_id = :level AND m.level_seq > :seq AND m.from_bin = :bin AND m.lot = :lot
       AND m.reverses = 0 AND NOT EXISTS (
           SELECT 1 FROM movement AS r WHERE r.level_id = m.level_id AND r.reverses = m.level_seq
              AND r.reverses > 0)
     ORDER BY m.level_seq LIMIT :limit
""")
_INSTEAD = {
    "pick": "put the goods back: bvinv reserve pick {} --cancel",
    "unpick": "pick again: bvinv reserve pick {}",
    "commit": "take the parcel back: bvinv reserve ship {} --cancel",
    "hold": "let go of it: bvinv reserve release {}",
    "fill": "let go of it: bvinv reserve release {}",
    "release": "reserve again: bvinv reserve create",
    "expire": "reserve again: bvinv reserve create",
    "break": "what is free goes to the oldest backorders by itself",
    "return": "decide on the return instead: bvinv returns decide {}",
}
_OWNED_BY = {
    "RT": "the return {} keeps books of it: bvinv returns show {}",
    "PK": "the pick list {} keeps books of it: bvinv reserve pick ID --cancel",
}


def refuse_kinds(movements: Sequence[Any], what: str) -> None:
    """Raise Conflict for reversals, and for movements that another command takes back."""
    for one in movements:
        if one.reverses:
            raise Conflict(
                f"{what} is an undo itself",
                hint="do again what was undone",
                movement=one.id,
                kind=one.kind,
            )
        hint = _INSTEAD.get(one.kind)
        owner = documents.kind_of(one.document)
        if hint is None and one.kind != "receive" and owner in _OWNED_BY:
            hint = _OWNED_BY[owner]
        if hint is not None:
            article = "an" if one.kind[0] in "aeiou" else "a"
            raise Conflict(
                f"{what} is {article} {one.kind} of {one.document}; undo knows only goods that "
                "came, went or moved",
                hint=hint.format(*[one.document] * hint.count("{}")),
                movement=one.id,
                kind=one.kind,
                document=one.document,
            )


def refuse_undone(session: Session, movements: Sequence[Any]) -> None:
    """Raise Conflict when one of these movements is reversed already. Their levels are locked."""
    if not movements:
        return
    by_place = {(one.level_id, one.level_seq): one for one in movements}
    for row in session.ask(
        _REVERSED,
        levels=sorted({one.level_id for one in movements}),
        seqs=sorted({one.level_seq for one in movements}),
    ):
        if undone := by_place.get((row.level_id, row.reverses)):
            raise Conflict(
                f"movement {undone.id} was undone already, by movement {row.id}",
                movement=undone.id,
                undone_by=row.id,
            )


def refuse_moved_on(session: Session, steps: Sequence[Step]) -> None:
    """Raise Conflict when pieces do not lie any more where their movement left them."""
    lying: dict[tuple[int, int, str], int] = {}
    errors = []
    for level, one, origin, target in steps:
        if origin.bin_id is not None:
            key = (level.id, origin.bin_id, origin.lot)
            have = lying.setdefault(key, _lying(level, origin))
            if have < one.quantity:
                errors.append(_moved_on(session, level, one, origin, have))
            lying[key] = have - one.quantity
        if target.bin_id is not None:
            key = (level.id, target.bin_id, target.lot)
            lying[key] = lying.setdefault(key, _lying(level, target)) + one.quantity
    if not errors:
        return
    first = errors[0]
    several = f"the goods of {len(errors)} movements have moved on; {first['detail']}"
    dependents = [entry for error in errors for entry in error["dependents"]]
    raise Conflict(
        str(first["detail"] if len(errors) == 1 else several),
        hint="undo what came later first, or correct the stock: bvinv stock adjust",
        errors=dependents[:LISTED] if len(dependents) > NAMED else None,
        dependents=dependents[:LISTED],
        **{name: first[name] for name in ("sku", "warehouse", "bin", "movement", "lying")},
    )


def refuse_held(session: Session, steps: Sequence[Step]) -> None:
    """Raise InsufficientStock when others hold the pieces that would go, with the holders."""
    leaving: dict[int, tuple[Level, int, int]] = {}
    for level, one, origin, target in steps:
        every = (origin.sellable - target.sellable) * one.quantity
        _, good, all_ = leaving.get(level.id, (level, 0, 0))
        # Expired pieces keep nobody's promise.
        good += 0 if one.lot in level.stale else every
        leaving[level.id] = (level, good, all_ + every)
    for level, good, all_ in leaving.values():
        unheld = level.on_hand - level.reserved + sum(line.held for line in level.lapsed)
        if (good <= 0 or good <= level.free) and (all_ <= 0 or all_ <= unheld):
            continue
        free = max(min(level.free, unheld), 0)
        who, held = shortages.holders(session, [level])
        raise InsufficientStock(
            f"only {free} of {level.sku} can leave {level.warehouse}, {max(good, all_)} would go"
            f"{who}",
            hint="let go of a hold first: bvinv reserve release ID" if who else None,
            sku=level.sku,
            warehouse=level.warehouse,
            wanted=max(good, all_),
            available=free,
            holders=held,
        )


def _lying(level: Level, place: Place) -> int:
    """Return the pieces in a bin that nobody picked for a parcel."""
    for one, pieces in level.places.items():
        if (one.bin_id, one.lot) == (place.bin_id, place.lot):
            return pieces - level.picked.get(one, 0)
    return 0


def _moved_on(session: Session, level: Level, one: Any, place: Place, lying: int) -> dict[str, Any]:
    rows = session.ask(
        _DEPENDENTS,
        level=level.id,
        seq=one.level_seq,
        bin=place.code,
        lot=place.lot,
        limit=LISTED,
    )
    dependents = [
        {
            "movement": row.id,
            "kind": row.kind,
            "quantity": row.quantity,
            "document": row.document or None,
            "detail": _said(row),
        }
        for row in rows
    ]
    since = ", ".join(str(entry["detail"]) for entry in dependents[:NAMED])
    more = f" and {len(dependents) - NAMED} more" if len(dependents) > NAMED else ""
    lot = f" of lot {place.lot}" if place.lot else ""
    detail = (
        f"only {max(lying, 0)} of {one.sku}{lot} lie in {place.code} at {level.warehouse}, "
        f"{one.quantity} would go back" + (f"; since then: {since}{more}" if since else "")
    )
    return {
        "sku": one.sku,
        "warehouse": level.warehouse,
        "bin": place.code,
        "movement": one.id,
        "lying": max(lying, 0),
        "dependents": dependents,
        "detail": detail,
    }


def _said(row: Any) -> str:
    where = f" to {row.to_bin}" if row.kind == "move" else ""
    document = f" for {row.document}" if row.document else ""
    return f"movement {row.id} ({row.kind} {row.quantity}{where}{document})"
