"""A chunk of an import: products to be, compared with what is stored, and written together."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from bvinv.core import command_log, items, money, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.files import Record
from bvinv.core.import_runs import Done, Reject, Seen
from bvinv.core.product_fields import BLANK

_STORED = Sql(
    """
    SELECT p.id, p.sku, p.sku_key, p.isbn, p.title, p.author, p.description, p.category_id
         , c.slug AS category, p.price, p.currency, p.status, p.publication_date, p.rating
         , p.image_url, p.attributes, p.variant_of, p.options, p.version
      FROM product AS p LEFT JOIN category AS c ON c.id = p.category_id
     WHERE p.sku_key IN :keys ORDER BY p.id
    """,
    lock="FOR UPDATE OF p",
)
_IDS = Sql("SELECT sku_key, id FROM product WHERE sku_key IN :keys")
_ISBNS = Sql("SELECT isbn AS name, sku FROM product WHERE isbn IN :names")
_BARCODES = Sql("""
    SELECT b.code AS name, p.sku FROM barcode AS b JOIN product AS p ON p.id = b.product_id
     WHERE b.code IN :names
""")
_BARCODES_OF = Sql("SELECT code, product_id FROM barcode WHERE product_id IN :products")
_CATEGORIES = Sql("SELECT slug, id FROM category WHERE slug IN :slugs")
_ADD_CATEGORY = Sql.insert("category", "slug", "name")
_CHANGED = (
    "isbn",
    "title",
    "author",
    "description",
    "category_id",
    "price",
    "currency",
    "status",
    "publication_date",
    "rating",
    "image_url",
    "attributes",
    "variant_of",
    "options",
    "version",
    "updated_at",
)
_ADD = Sql.insert("product", "sku", "sku_key", "popularity", "created_at", *_CHANGED)
_CHANGE = Sql(
    f"UPDATE product SET {', '.join(f'{name} = :{name}' for name in _CHANGED)} WHERE id = :id"
)
_ADOPT = Sql("UPDATE product SET variant_of = :parent WHERE id = :id")
_ADD_BARCODE = Sql.insert("barcode", "code", "product_id", "pack_quantity")
_NOTHING: list[str] = []
_DROP_BARCODE = Sql("DELETE FROM barcode WHERE code = :code AND product_id = :product_id")


class Incoming(NamedTuple):
    """What a row says, as column values; blank cells say nothing.

    `category` is its slug and its name, `parent` a SKU, `price` the text of a price whose
    currency the row leaves open. `unique` are its ISBN and barcodes, written as no SKU can be:
    `isbn=9780439023481`.
    """

    record: Record
    key: str
    values: dict[str, Any]
    barcodes: list[str] | None
    category: tuple[str, str] | None
    parent: str | None
    price: str
    unique: Sequence[str]


class _Accepted(NamedTuple):
    """A row that will be written: a new product (`stored` is None), or changes of a stored one."""

    row: Incoming
    stored: Any
    values: dict[str, Any]
    fields: list[str]  # that change
    parent: str | None  # the key of a product that is new in this chunk, too


class Fault(NamedTuple):
    """Why a row cannot be taken: code, field and message."""

    code: str
    field: str
    message: str


class Chunk:
    """Up to 2,000 rows that are written in one transaction, or in another if that fails."""

    def __init__(
        self, rows: list[Incoming], seen: Seen, on_existing: str, *, dry_run: bool
    ) -> None:
        """Keep the rows; nothing is looked up yet."""
        self._rows = rows
        self._seen = seen
        self._on_existing = on_existing
        self._dry_run = dry_run
        self.taken: list[tuple[str, int, str]] = []

    def take(self, session: Session) -> Done:
        """Write what is new and what changed; reject what the stored products do not allow."""
        self._accepted: list[_Accepted] = []
        self._new: dict[str, _Accepted] = {}
        self._lines = {name: line for name, (line, _) in self._look_up(session).items()}
        rejects = []
        for row in self._rows:
            stored = self._stored.get(row.key)
            fault = self._fault(row, stored)
            if fault:
                rejects.append(Reject(row.record, *fault))
                continue
            self._lines[row.key] = row.record.line
            if stored is None:
                self._add(row)
            elif self._on_existing == "update":
                fault = self._change(row, stored)
                if fault:
                    rejects.append(Reject(row.record, *fault))
        self._write(session)
        created = len(self._new)
        updated = len(self._accepted) - created
        self.taken = [*self._names()]
        skipped = len(self._rows) - created - updated - len(rejects)
        return Done(created, updated, skipped, rejects)

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
            for name, sku in session.ask(_ISBNS, names=sorted(isbns)):
                self._owners[f"isbn={name}"] = sku
        self._codes: dict[int, set[str]] = {}
        if codes:
            for name, sku in session.ask(_BARCODES, names=sorted(codes)):
                self._owners[f"barcode={name}"] = sku
            products = [row.id for row in self._stored.values()]
            for name, product in session.ask(_BARCODES_OF, products=products):
                self._codes.setdefault(product, set()).add(name)
        if not self._dry_run:  # what has been seen is stored
            stored = [key for key in keys if key in self._stored]
            return self._seen.find(stored) if stored else {}
        # The chunks of a dry run do not see each other in the database.
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
            if self._dry_run:
                for name in row.unique:
                    yield name, line, row.values["sku"]

    # --- What may be ----------------------------------------------------------------------------

    def _fault(self, row: Incoming, stored: Any) -> Fault | None:
        """Return why the row cannot be taken; None if it can."""
        sku = row.values["sku"]
        if row.key in self._lines:
            line = self._lines[row.key]
            return Fault(Conflict.code, "sku", f"the SKU {sku} is in line {line} of this file, too")
        if stored is None and not row.values.get("title"):
            return Fault(InvalidInput.code, "title", "the title is missing")
        if stored is not None and self._on_existing != "update":
            if self._on_existing == "skip":
                return None
            return Fault(Conflict.code, "sku", f"there is a product {stored.sku} already")
        for name in row.unique:
            owner = self._owners.get(name)
            if owner is not None and text.key(owner) != row.key:
                field, _, code = name.partition("=")
                shown = field.upper() if field == "isbn" else field
                return Fault(Conflict.code, field, f"the {shown} {code} belongs to {owner}")
        if row.parent is None:
            return None
        key = text.key(row.parent)
        if key == row.key:
            return Fault(InvalidInput.code, "variant_of", f"{sku} cannot be a variant of itself")
        known = key in self._stored or key in self._new or (self._dry_run and key in self._lines)
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
        self._new[row.key] = accepted = _Accepted(row, None, values, _NOTHING, parent)
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
            gone = self._codes.get(stored.id, set()) - set(row.barcodes)
            if gone or len(self._codes.get(stored.id, ())) != len(set(row.barcodes)):
                fields.append("barcode")
        if not fields:
            return None
        if "isbn" in fields:
            self._owners.pop(f"isbn={stored.isbn}", None)
        for code in gone:
            self._owners.pop(f"barcode={code}", None)
        values = stored._asdict() | values | {"version": stored.version + 1}
        self._accept(_Accepted(row, stored, values, fields, parent))
        return None

    def _parent(self, row: Incoming, values: dict[str, Any]) -> str | None:
        """Put the parent's id among the values, or return its key if it has none yet."""
        key = text.key(row.parent or "")
        if key in self._stored:
            values["variant_of"] = self._stored[key].id
        elif key in self._new:
            return key
        return None

    def _accept(self, accepted: _Accepted) -> None:
        self._accepted.append(accepted)
        for name in accepted.row.unique:
            self._owners[name] = accepted.values["sku"]

    # --- Writing --------------------------------------------------------------------------------

    def _write(self, session: Session) -> None:
        """Write everything that was accepted: what it needs first."""
        if not self._accepted:
            return
        now, command = session.now, session.command
        tales = self._write_categories(session)
        changed = []
        for row, stored, values, fields, _ in self._accepted:
            values["updated_at"] = now
            if stored is None:
                values["sku_key"] = row.key
                values["created_at"] = now
                tales.append(Tale("product.created", values["sku"], {}, command))
            else:
                changed.append(values)
                tales.append(Tale("product.updated", stored.sku, {"fields": fields}, command))
        session.send(_CHANGE, changed)  # first: it may set an ISBN free
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

    def _adopt(self, session: Session, children: list[_Accepted]) -> None:
        """Give these rows the ids of their parents, as far as those are written."""
        if children:
            keys = {child.parent for child in children}
            ids = dict(session.ask(_IDS, keys=sorted(key for key in keys if key)))
            for child in children:
                child.values["variant_of"] = ids.get(child.parent)

    def _write_barcodes(self, session: Session) -> None:
        """Write the barcodes that changed; one that stays keeps its pack quantity."""
        coded = [one for one in self._accepted if one.row.barcodes is not None]
        if not coded:
            return
        ids = dict(session.ask(_IDS, keys=[one.row.key for one in coded]))
        gone, come = [], []
        for one in coded:
            product = ids[one.row.key]
            old = self._codes.get(product, set())
            new = dict.fromkeys(one.row.barcodes or ())
            gone += [{"code": code, "product_id": product} for code in sorted(old - new.keys())]
            come += [
                {"code": code, "product_id": product, "pack_quantity": 1}
                for code in new
                if code not in old
            ]
        session.send(_DROP_BARCODE, gone)
        session.send(_ADD_BARCODE, come)
