"""A chunk of an import: products to be, compared with what is stored, and written together."""

from collections.abc import Iterator
from typing import Any

from bvinv.core import command_log, items, money, prices, product_rows, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.imports.rejects import Reject
from bvinv.core.imports.rows import (
    BARCODES,
    ISBNS,
    Accepted,
    Fault,
    Incoming,
    said,
    shown,
    wish,
    with_keys,
)
from bvinv.core.imports.runs import Done
from bvinv.core.imports.seen import Seen
from bvinv.core.product_fields import BLANK

_STORED = Sql(
    """
    SELECT p.id, p.sku, p.sku_key, p.isbn, p.title, p.author, p.description, p.category_id
         , c.slug AS category, p.price, p.currency, p.status, p.publication_date, p.rating
         , p.image_url, p.attributes, p.variant_of, p.options, p.version
         , p.tracks_lots, p.protects_safety_stock
      FROM product AS p LEFT JOIN category AS c ON c.id = p.category_id
     WHERE p.sku_key IN :keys ORDER BY p.id
    """,
    lock="FOR UPDATE OF p",
)
_IDS = Sql("SELECT sku_key, id FROM product WHERE sku_key IN :keys")
_BARCODES_OF = Sql(
    "SELECT code, pack_quantity, product_id FROM barcode WHERE product_id IN :products"
)
_CATEGORIES = Sql("SELECT slug, id FROM category WHERE slug IN :slugs")
_ADD_CATEGORY = Sql.insert("category", "slug", "name")
_ADD = Sql.insert("product", *product_rows.ADDED)
_ADOPT = Sql("UPDATE product SET variant_of = :parent WHERE id = :id")
_ADD_BARCODE = Sql.insert("barcode", "code", "product_id", "pack_quantity")
_NOTHING: list[str] = []
_DROP_BARCODE = Sql("DELETE FROM barcode WHERE code = :code AND product_id = :product_id")


class Chunk:
    """Up to 2,000 rows that are written in one transaction, or in another if that fails."""

    def __init__(self, rows: list[Incoming], seen: Seen, on_existing: str, *, apart: bool) -> None:
        """Keep the rows; nothing is looked up yet. `apart`: no chunk finds another one stored."""
        self._read = rows
        self._seen = seen
        self._on_existing = on_existing
        self._apart = apart
        self.taken: list[tuple[str, int, str]] = []

    def take(self, session: Session) -> Done:
        """Write what is new and what changed; reject what the stored products do not allow."""
        self._rows = with_keys(session, self._read)
        self._accepted: list[Accepted] = []
        self._new: dict[str, Accepted] = {}
        self._lines = {name: line for name, (line, _) in self._look_up(session).items()}
        rejects = []
        for row in self._rows:
            stored = self._stored.get(row.key)
            fault = self._fault(row, stored)
            if fault is None and stored is None:
                self._add(row)
            elif fault is None and self._on_existing == "update":
                fault = self._change(row, stored)
            if fault:
                rejects.append(Reject(row.record, *fault))
            else:
                self._lines[row.key] = row.record.line
        requests = self._settle_prices(session)
        self._write(session)
        created = len(self._new)
        updated = len(self._accepted) - created
        self.taken = [*self._names()]
        skipped = len(self._rows) - created - updated - len(rejects)
        return Done(created, updated, skipped, rejects, requests)

    # --- What is there already ------------------------------------------------------------------

    def _look_up(self, session: Session) -> dict[str, tuple[int, str]]:
        """Ask for everything that the rows may meet; return what this run has seen of it."""
        keys = dict.fromkeys(row.key for row in self._rows)
        keys |= dict.fromkeys(text.key(row.parent) for row in self._rows if row.parent)
        isbns = {row.values["isbn"] for row in self._rows if "isbn" in row.values}
        codes = {code for row in self._rows for code in row.barcodes or ()}
        self._stored = {row.sku_key: row for row in session.ask(_STORED, keys=list(keys))}
        self._owners: dict[str, str] = {}
        if isbns:
            for name, sku in session.ask(ISBNS, names=sorted(isbns)):
                self._owners[f"isbn={name}"] = sku
        self._codes: dict[int, dict[str, int]] = {}
        if codes:
            for name, sku in session.ask(BARCODES, names=sorted(codes)):
                self._owners[f"barcode={name}"] = sku
            products = [row.id for row in self._stored.values()]
            for name, pack, product in session.ask(_BARCODES_OF, products=products):
                self._codes.setdefault(product, {})[name] = pack
        if not self._apart:  # what has been seen is stored
            stored = [key for key in keys if key in self._stored]
            return self._seen.find(stored) if stored else {}
        names = [f"isbn={name}" for name in isbns] + [f"barcode={code}" for code in codes]
        for name, (_, sku) in self._seen.find(names).items():
            self._owners.setdefault(name, sku)
        return self._seen.find(keys)

    def _names(self) -> Iterator[tuple[str, int, str]]:
        """Yield what later chunks have to know of this one."""
        for row in self._rows:
            line = row.record.line
            if self._lines.get(row.key) != line:
                continue
            yield row.key, line, row.values["sku"]
            if self._apart:
                for name in row.unique:
                    yield name, line, row.values["sku"]

    # --- What may be ----------------------------------------------------------------------------

    def _fault(self, row: Incoming, stored: Any) -> Fault | None:
        """Return why the row cannot be taken; None if it can."""
        sku = row.values["sku"]
        if row.key in self._lines:
            field, code = said(row.name) if row.name else ("sku", sku)
            found = f"the {shown(field)} {code} is in line {self._lines[row.key]} of this file, too"
            return Fault(Conflict.code, field, found)
        if stored is None and not row.values.get("title"):
            return Fault(InvalidInput.code, "title", "the title is missing")
        if stored is not None and self._on_existing != "update":
            if self._on_existing == "skip":
                return None
            return Fault(Conflict.code, "sku", f"there is a product {stored.sku} already")
        if stored is not None and row.values.get("status") == "draft" != stored.status:
            found = f"{stored.sku} is {stored.status}: what was published is no draft"
            return Fault(Conflict.code, "status", found)
        for name in row.unique:
            owner = self._owners.get(name)
            if owner is not None and text.key(owner) != row.key:
                field, code = said(name)
                return Fault(Conflict.code, field, f"the {shown(field)} {code} belongs to {owner}")
        if row.parent is None:
            return None
        key = text.key(row.parent)
        if key == row.key:
            return Fault(InvalidInput.code, "variant_of", f"{sku} cannot be a variant of itself")
        known = key in self._stored or key in self._new or (self._apart and key in self._lines)
        if known:
            return None
        return Fault(
            NotFound.code,
            "variant_of",
            f"there is no product {row.parent}, neither stored nor in the lines above",
        )

    def _add(self, row: Incoming) -> None:
        values = BLANK | row.values
        parent = self._parent(row, values) if row.parent else None
        self._new[row.key] = accepted = Accepted(row, None, values, _NOTHING, parent, None)
        self._accept(accepted)

    def _change(self, row: Incoming, stored: Any) -> Fault | None:
        """Accept the row if it changes anything; the price may turn out to be unreadable."""
        values = dict(row.values)
        values["sku"] = stored.sku
        if row.price and stored.currency and stored.currency != values["currency"]:
            try:
                values["price"] = money.minor_units(row.price, stored.currency)
            except InvalidInput as error:
                return Fault(error.code, "price", error.detail)
            values["currency"] = stored.currency
        parent = self._parent(row, values) if row.parent else None
        fields = [field for field, value in values.items() if getattr(stored, field) != value]
        if parent:
            fields.append("variant_of")
        if row.category and row.category[0] != stored.category:
            fields.append("category")
        gone = set()
        if row.barcodes is not None:
            old, codes = self._codes.get(stored.id, {}), row.barcodes
            if row.name.startswith("barcode="):  # it goes by one, and says nothing of the others
                codes = codes | old
                row = row._replace(barcodes=codes)
            gone = old.keys() - codes.keys()
            if old != codes:
                fields.append("barcode")
        if not fields:
            return None
        if "isbn" in fields:
            self._owners.pop(f"isbn={stored.isbn}", None)
        for code in gone:
            self._owners.pop(f"barcode={code}", None)
        wanted = wish(stored, values)
        values = stored._asdict() | values | {"version": stored.version + 1}
        self._accept(Accepted(row, stored, values, fields, parent, wanted))
        return None

    def _parent(self, row: Incoming, values: dict[str, Any]) -> str | None:
        """Put the parent's id among the values, or return its key if it has none yet."""
        key = text.key(row.parent or "")
        if key in self._stored:
            values["variant_of"] = self._stored[key].id
        elif key in self._new:
            return key
        return None

    def _accept(self, accepted: Accepted) -> None:
        self._accepted.append(accepted)
        for name in accepted.row.unique:
            self._owners[name] = accepted.values["sku"]

    def _settle_prices(self, session: Session) -> int:
        """Leave the price alone where somebody has to decide about it; return how often that is.

        A row that asks for nothing else, and asked for that before, is not accepted after all.
        """
        wishing = [one for one in self._accepted if one.wish]
        wishes = [one.wish for one in wishing if one.wish]
        outcomes = prices.change_many(session, wishes) if wishes else []
        idle = set()
        for one, outcome in zip(wishing, outcomes, strict=True):
            if outcome != "applied":
                one.values.update(price=one.stored.price, currency=one.stored.currency)
                one.fields[:] = [name for name in one.fields if name not in ("price", "currency")]
                if outcome == "unchanged" and not one.fields:
                    idle.add(id(one))
        if idle:
            self._accepted = [one for one in self._accepted if id(one) not in idle]
        return outcomes.count("requested")

    # --- Writing --------------------------------------------------------------------------------

    def _write(self, session: Session) -> None:
        """Write everything that was accepted: what it needs first."""
        if not self._accepted:
            return
        now, command = session.now, session.command
        tales = self._write_categories(session)
        changed = []
        for row, stored, values, fields, *_ in self._accepted:
            values["updated_at"] = now
            if stored is None:
                values["sku_key"] = row.key
                values["created_at"] = now
                tales.append(Tale("product.created", values["sku"], {}, command))
            elif fields:
                changed.append(values)
                tales.append(Tale("product.updated", stored.sku, {"fields": fields}, command))
        session.send(product_rows.CHANGE, changed)  # first: it may set an ISBN free
        self._write_new(session)
        self._write_barcodes(session)
        command_log.tell(session, tales)

    def _write_categories(self, session: Session) -> list[Tale]:
        """Make the categories that are not there yet, and give every row its own's id."""
        names: dict[str, str] = {}
        for accepted in self._accepted:
            if accepted.row.category:
                names.setdefault(*accepted.row.category)
        ids = dict(session.ask(_CATEGORIES, slugs=list(names))) if names else {}
        missing = {slug: name for slug, name in names.items() if slug not in ids}
        if missing:
            added = [{"slug": slug, "name": name} for slug, name in missing.items()]
            session.send(_ADD_CATEGORY, added)
            ids = dict(session.ask(_CATEGORIES, slugs=list(names)))
        for accepted in self._accepted:
            if accepted.row.category:
                accepted.values["category_id"] = ids[accepted.row.category[0]]
        return [
            Tale("category.created", slug, {"name": name}, session.command)
            for slug, name in missing.items()
        ]

    def _write_new(self, session: Session) -> None:
        """Insert the new products, parents before their variants."""
        generations: dict[str, int] = {}
        waves: list[list[dict[str, Any]]] = []
        for key, accepted in self._new.items():
            generation = generations[accepted.parent] + 1 if accepted.parent else 0
            generations[key] = generation
            if generation == len(waves):
                waves.append([])
            waves[generation].append(accepted.values)
        for generation, wave in enumerate(waves):
            if generation:
                self._adopt(session, [one for one in self._new.values() if one.parent])
            session.send(_ADD, wave)
        orphans = [one for one in self._accepted if one.stored is not None and one.parent]
        self._adopt(session, orphans)
        session.send(
            _ADOPT,
            [{"id": one.stored.id, "parent": one.values["variant_of"]} for one in orphans],
        )
        moved = [
            one.stored.id for one in self._accepted if one.stored is not None and one.row.parent
        ]
        if moved:
            items.refuse_circle(session, moved)

    def _adopt(self, session: Session, children: list[Accepted]) -> None:
        """Give these rows the ids of their parents, as far as those are written."""
        if children:
            keys = {child.parent for child in children}
            ids = dict(session.ask(_IDS, keys=sorted(key for key in keys if key)))
            for child in children:
                child.values["variant_of"] = ids.get(child.parent)

    def _write_barcodes(self, session: Session) -> None:
        """Write the barcodes that changed; a new pack quantity makes a new barcode."""
        coded = [one for one in self._accepted if one.row.barcodes is not None]
        if not coded:
            return
        ids = dict(session.ask(_IDS, keys=[one.row.key for one in coded]))
        gone, come = [], []
        for one in coded:
            product = ids[one.row.key]
            old = self._codes.get(product, {}).items()
            new = (one.row.barcodes or {}).items()
            gone += [{"code": code, "product_id": product} for code, _ in sorted(old - new)]
            come += [
                {"code": code, "product_id": product, "pack_quantity": pack}
                for code, pack in sorted(new - old)
            ]
        session.send(_DROP_BARCODE, gone)
        session.send(_ADD_BARCODE, come)
