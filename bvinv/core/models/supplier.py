"""Who sells to us, and on what terms."""

from typing import Any, ClassVar

from bvinv.core.models.base import Instant, Row


class TermRow(Row):
    """What a supplier asks for a product: `cost` of a piece as a decimal string, quantities in
    pieces."""

    supplier: str
    sku: str
    supplier_sku: str
    cost: str | None
    currency: str
    pack_size: int
    minimum_quantity: int


class SupplierRow(Row):
    """A supplier; `minimum_order` is a decimal string in `currency`, `products` how many they have
    terms for."""

    columns: ClassVar[tuple[str, ...]] = (
        "code",
        "name",
        "currency",
        "lead_time_days",
        "minimum_order",
        "over_receipt_percent",
        "products",
    )

    def summary(self) -> dict[str, Any]:
        """Return the line about it in a list that people read on 80 columns."""
        record = self.record()
        return {name: record[name] for name in self.columns if name != "over_receipt_percent"}

    code: str
    name: str
    currency: str
    lead_time_days: int
    minimum_order: str | None
    over_receipt_percent: int
    email: str
    products: int
    created_at: Instant
    updated_at: Instant


class SupplierDetails(SupplierRow):
    """A supplier with all of its terms."""

    columns: ClassVar[tuple[str, ...]] = (*SupplierRow.columns, "email", "terms")

    terms: list[TermRow]
