"""Service levels: what the stock of a product, a category, an ABC class or everything aims at.

A level is kept in hundredths of a percent. Its kind says of what it is: `cycle`, the chance that
the stock suffices until the goods of the next order come; `fill`, the part of the pieces asked
for that are there at once.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from bvinv.core import categories, command_log, items, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.models.replenishment import Kind, TargetRow

LOWEST, HIGHEST = 5_000, 9_999
CLASSES = ("A", "B", "C")
KINDS = ("cycle", "fill")
# Where nobody has said anything (FORECAST.md 5).
DEFAULTS = {"A": 9_700, "B": 9_500, "C": 9_000}

Scope = Literal["product", "category", "class", "all"]

_ALL = Sql("""
    SELECT t.scope, t.subject, t.level, t.kind, t.updated_at, coalesce(p.sku, c.slug) AS name
      FROM service_target AS t
           LEFT JOIN product AS p ON t.scope = 'product' AND p.id = t.subject
           LEFT JOIN category AS c ON t.scope = 'category' AND c.id = t.subject
     ORDER BY CASE t.scope WHEN 'all' THEN 0 WHEN 'class' THEN 1 WHEN 'category' THEN 2 ELSE 3 END
            , c.slug, p.sku_key, t.subject
""")
_ONE = Sql(
    "SELECT level, kind, updated_at FROM service_target WHERE scope = :scope AND subject = :subject"
)
_PUT = Sql.insert(
    "service_target",
    "scope",
    "subject",
    "level",
    "kind",
    "updated_at",
    after="""ON CONFLICT (scope, subject) DO UPDATE
             SET level = excluded.level, kind = excluded.kind, updated_at = excluded.updated_at""",
)
_DROP = Sql("DELETE FROM service_target WHERE scope = :scope AND subject = :subject")
_PARENTS = Sql("SELECT id, parent_id FROM category")


class Goal(NamedTuple):
    """What stock aims at: a level in hundredths of a percent, and what it is a level of."""

    level: int
    kind: Kind


class Goals:
    """Which goal is whose: the product's, else that of the nearest category above it, else its ABC
    class's, else everybody's, else the default."""

    def __init__(
        self,
        targets: Mapping[tuple[str, int], Goal],
        parents: Mapping[int, int | None],
        defaults: Mapping[str, Goal],
    ) -> None:
        """Resolve what can be for whole categories and classes."""
        self._products = {
            subject: goal for (scope, subject), goal in targets.items() if scope == "product"
        }
        self._categories: dict[int, Goal] = {}
        for category in parents:
            above: int | None = category
            while above is not None:
                if goal := targets.get(("category", above)):
                    self._categories[category] = goal
                    break
                above = parents.get(above)
        everybody = targets.get(("all", 0))
        self._classes = {
            name: targets.get(("class", place)) or everybody or defaults[name]
            for place, name in enumerate(CLASSES, start=1)
        }

    def of(self, product: int, category: int, abc: str) -> Goal:
        """Return the goal of a product in an ABC class; its category is -1 where it has none."""
        return self._products.get(product) or self._categories.get(category) or self._classes[abc]


def goals(
    session: Session, *, default: int | None = None, by_class: Mapping[str, int] | None = None
) -> Goals:
    """Return all goals. `default` is for whatever has no target, `by_class` for the classes that
    have none; else they are those of `DEFAULTS`."""
    targets = {(row.scope, row.subject): Goal(row.level, row.kind) for row in session.ask(_ALL)}
    parents = {row.id: row.parent_id for row in session.ask(_PARENTS)}
    levels = DEFAULTS if default is None else dict.fromkeys(CLASSES, default)
    levels = levels | dict(by_class or {})
    return Goals(targets, parents, {name: Goal(level, "cycle") for name, level in levels.items()})


def put(
    session: Session,
    *,
    level: int,
    kind: str = "cycle",
    sku: str | None = None,
    category: str | None = None,
    abc: str | None = None,
) -> TargetRow:
    """Set the service level of a product, a category with all below it, an ABC class, or, where
    none of them is named, of everything.

    Raises InvalidInput for two of them, a level out of range and an unknown kind, NotFound.
    """
    if kind not in KINDS:
        raise InvalidInput(f"the kind is cycle or fill, not {text.quoted(kind)}")
    text.quantity(level, what="service level", minimum=LOWEST, maximum=HIGHEST)
    scope, subject, name = _subject(session, sku, category, abc)
    found = session.ask(_ONE, scope=scope, subject=subject)
    if found and (found[0].level, found[0].kind) == (level, kind):
        return _row(scope, name, found[0])
    session.send(
        _PUT,
        [
            {
                "scope": scope,
                "subject": subject,
                "level": level,
                "kind": kind,
                "updated_at": session.now,
            }
        ],
    )
    told = {"scope": scope, "service_level": level / 10_000, "kind": kind}
    _tell(session, "service-set", name, told)
    return _row(scope, name, session.ask(_ONE, scope=scope, subject=subject)[0])


def remove(
    session: Session, *, sku: str | None = None, category: str | None = None, abc: str | None = None
) -> TargetRow:
    """Take a service level away, and return what it was. Raises InvalidInput, NotFound."""
    scope, subject, name = _subject(session, sku, category, abc)
    found = session.ask(_ONE, scope=scope, subject=subject)
    if not found:
        raise NotFound(
            f"{_said(scope, name)} has no service level of its own",
            hint="see: bvinv forecast service list",
        )
    session.send(_DROP, [{"scope": scope, "subject": subject}])
    _tell(session, "service-removed", name, {"scope": scope})
    return _row(scope, name, found[0])


def targets(session: Session) -> list[TargetRow]:
    """Return every service level that was set: everything, classes, categories, products."""
    return [
        _row(row.scope, CLASSES[row.subject - 1] if row.scope == "class" else row.name, row)
        for row in session.ask(_ALL)
    ]


def _subject(
    session: Session, sku: str | None, category: str | None, abc: str | None
) -> tuple[Scope, int, str | None]:
    """Return a scope, the number of its subject and what people call it."""
    if sum(one is not None for one in (sku, category, abc)) > 1:
        raise InvalidInput(
            "a service level is for a product, a category or a class", hint="name one of them"
        )
    if sku is not None:
        item = items.one(session, sku)
        return "product", item.id, item.sku
    if category is not None:
        shelf = categories.known(session, category)
        return "category", shelf.id, shelf.slug
    if abc is None:
        return "all", 0, None
    if abc.upper() not in CLASSES:
        raise InvalidInput(f"the class is A, B or C, not {text.quoted(abc)}")
    return "class", CLASSES.index(abc.upper()) + 1, abc.upper()


def _said(scope: Scope, name: str | None) -> str:
    return {"all": "everything", "class": f"class {name}"}.get(scope, str(name))


def _tell(session: Session, what: str, name: str | None, told: dict[str, Any]) -> None:
    subject = "all" if name is None else name
    command_log.tell(session, [Tale(f"forecast.{what}", subject, told, session.command)])


def _row(scope: Scope, name: str | None, found: Any) -> TargetRow:
    return TargetRow(
        scope=scope,
        subject=name,
        service_level=found.level / 10_000,
        kind=found.kind,
        updated_at=found.updated_at,
    )
