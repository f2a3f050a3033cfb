"""The tables of the catalogue: products, what they belong to, their prices, their imports."""

from sqlalchemy import CheckConstraint, Column, ForeignKey
from sqlmodel import Field, SQLModel

from bvinv.core.models.columns import Whole, Words, flag, key, reference, whole, words


class Category(SQLModel, table=True):
    """A shelf of the catalogue: a slug for machines, a name for people."""

    __tablename__ = "category"
    __table_args__ = (
        CheckConstraint("parent_id <> id", name="category_is_not_its_own_parent"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    slug: str = Field(sa_column=words(unique=True))
    name: str = Field(sa_column=words())
    parent_id: int | None = Field(default=None, sa_column=reference("category", optional=True))


class Product(SQLModel, table=True):
    """Anything with a SKU. Money is in minor units, the rating in hundredths.

    Pieces of one that `tracks_lots` come with a lot; `protects_safety_stock` keeps the safety stock
    of its levels from channels of low priority.
    """

    __tablename__ = "product"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price_is_not_negative"),
        CheckConstraint("(price IS NULL) = (currency IS NULL)", name="price_has_a_currency"),
        CheckConstraint(
            "status IN ('draft', 'active', 'discontinued')", name="status_is_one_of_three"
        ),
        CheckConstraint("rating BETWEEN 0 AND 500", name="rating_is_0_to_5"),
        CheckConstraint("popularity >= 0", name="popularity_is_not_negative"),
        CheckConstraint("variant_of <> id", name="product_is_not_its_own_variant"),
        CheckConstraint("tracks_lots IN (0, 1)", name="product_tracks_lots_or_not"),
        CheckConstraint("protects_safety_stock IN (0, 1)", name="product_protects_or_not"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    sku: str = Field(sa_column=words())
    sku_key: str = Field(sa_column=words(unique=True))
    isbn: str | None = Field(default=None, sa_column=words(optional=True, unique=True))
    title: str = Field(sa_column=words())
    author: str = Field(default="", sa_column=words())
    description: str = Field(default="", sa_column=words())
    category_id: int | None = Field(
        default=None, sa_column=reference("category", optional=True, index=True)
    )
    price: int | None = Field(default=None, sa_column=whole(optional=True))
    currency: str | None = Field(default=None, sa_column=words(optional=True))
    status: str = Field(default="active", sa_column=words())
    publication_date: int | None = Field(default=None, sa_column=whole(optional=True))
    rating: int | None = Field(default=None, sa_column=whole(optional=True))
    popularity: int = Field(default=0, sa_column=whole(0))
    image_url: str | None = Field(default=None, sa_column=words(optional=True))
    attributes: str = Field(default="{}", sa_column=words())
    variant_of: int | None = Field(
        default=None, sa_column=reference("product", optional=True, index=True)
    )
    options: str = Field(default="{}", sa_column=words())
    version: int = Field(default=1, sa_column=whole(1))
    created_at: int = Field(sa_column=whole())
    updated_at: int = Field(sa_column=whole())
    tracks_lots: int = Field(default=0, sa_column=flag())
    protects_safety_stock: int = Field(default=0, sa_column=flag())


class Barcode(SQLModel, table=True):
    """A code on a thing or a pack: it names one product and how many pieces it stands for."""

    __tablename__ = "barcode"
    __table_args__ = (
        CheckConstraint("pack_quantity >= 1", name="pack_has_pieces"),
        {"sqlite_strict": True},
    )

    code: str = Field(sa_column=Column(Words, primary_key=True))
    product_id: int = Field(
        sa_column=Column(
            Whole, ForeignKey("product.id", ondelete="CASCADE"), nullable=False, index=True
        )
    )
    pack_quantity: int = Field(default=1, sa_column=whole(1))


class PriceChange(SQLModel, table=True):
    """A price that was changed, or is asked to be; in minor units.

    `applied` at once, as nobody need decide it; `requested`, then `approved` or `rejected` by
    somebody else, or `superseded` by a newer request. It counts from `decided_at`.
    """

    __tablename__ = "price_change"
    __table_args__ = (
        CheckConstraint(
            "state IN ('applied', 'requested', 'approved', 'rejected', 'superseded')",
            name="price_change_state_is_known",
        ),
        CheckConstraint(
            "lower(decided_by) <> lower(requested_by)", name="nobody_decides_their_own_request"
        ),
        CheckConstraint(
            "(state IN ('approved', 'rejected')) = (decided_by IS NOT NULL)",
            name="a_decision_has_somebody",
        ),
        CheckConstraint("(state = 'requested') = (decided_at IS NULL)", name="open_has_no_end"),
        CheckConstraint("old_price >= 0", name="old_price_is_not_negative"),
        CheckConstraint("new_price >= 0", name="new_price_is_not_negative"),
        CheckConstraint(
            "(old_price IS NULL) = (old_currency IS NULL)", name="old_price_has_a_currency"
        ),
        CheckConstraint(
            "(new_price IS NULL) = (new_currency IS NULL)", name="new_price_has_a_currency"
        ),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    product_id: int = Field(sa_column=reference("product", index=True))
    old_price: int | None = Field(default=None, sa_column=whole(optional=True))
    old_currency: str | None = Field(default=None, sa_column=words(optional=True))
    new_price: int | None = Field(default=None, sa_column=whole(optional=True))
    new_currency: str | None = Field(default=None, sa_column=words(optional=True))
    state: str = Field(sa_column=words())
    requested_by: str = Field(sa_column=words())
    decided_by: str | None = Field(default=None, sa_column=words(optional=True))
    reason: str = Field(default="", sa_column=words())
    requested_at: int = Field(sa_column=whole())
    decided_at: int | None = Field(default=None, sa_column=whole(optional=True))


class ImageCheck(SQLModel, table=True):
    """What the last look at a product's image URL found."""

    __tablename__ = "image_check"
    __table_args__ = (
        CheckConstraint(
            "state IN ('allowed', 'refused', 'fetched', 'failed')", name="image_state_is_known"
        ),
        {"sqlite_strict": True},
    )

    product_id: int = Field(
        sa_column=Column(Whole, ForeignKey("product.id", ondelete="CASCADE"), primary_key=True)
    )
    url: str = Field(sa_column=words())
    state: str = Field(sa_column=words())
    detail: str = Field(default="", sa_column=words())
    content_type: str = Field(default="", sa_column=words())
    bytes: int = Field(default=0, sa_column=whole(0))
    checked_at: int = Field(sa_column=whole())


class ImportRun(SQLModel, table=True):
    """How far an import has come, written with each chunk; `result` when it is complete.

    `rows` counts the records of the file that are done with, `counts` says what became of them.
    """

    __tablename__ = "import_run"
    __table_args__ = (
        CheckConstraint("rows >= 0", name="rows_are_not_negative"),
        {"sqlite_strict": True},
    )

    id: int | None = Field(default=None, sa_column=key())
    request_hash: str = Field(sa_column=Column(Words, nullable=False, index=True))
    rows: int = Field(default=0, sa_column=whole(0))
    counts: str = Field(default="{}", sa_column=words())
    result: str | None = Field(default=None, sa_column=words(optional=True))
    updated_at: int = Field(sa_column=whole())


class ImportReject(SQLModel, table=True):
    """A row that a run has rejected, by its place among the records, counted from 0."""

    __tablename__ = "import_reject"
    __table_args__ = ({"sqlite_strict": True, "sqlite_with_rowid": False},)

    run_id: int = Field(
        sa_column=Column(Whole, ForeignKey("import_run.id", ondelete="CASCADE"), primary_key=True)
    )
    place: int = Field(sa_column=Column(Whole, primary_key=True, autoincrement=False))
    code: str = Field(sa_column=words())
    field: str = Field(sa_column=words())
    message: str = Field(sa_column=words())


class ImportMapping(SQLModel, table=True):
    """A mapping of columns to fields that was saved under a name; `columns` is JSON."""

    __tablename__ = "import_mapping"
    __table_args__ = ({"sqlite_strict": True, "sqlite_with_rowid": False},)

    name: str = Field(sa_column=Column(Words, primary_key=True))
    columns: str = Field(sa_column=words())
    updated_at: int = Field(sa_column=whole())
