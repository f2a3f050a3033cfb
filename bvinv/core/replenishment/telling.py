"""An explanation as people read it: a line for each step, on 80 columns."""

from typing import Any

from bvinv.core import dates, instants
from bvinv.core.models.reorder import AimRow, DistributionRow, OfferRow, SuggestionRow, WhyRow
from bvinv.core.replenishment import plots


def told(row: WhyRow) -> dict[str, Any]:
    """Return the steps by their names, in order; what says nothing is left out."""
    steps = {
        "sku": row.sku,
        "warehouse": row.warehouse,
        "history": _history(row),
        "sold": " ".join("·" if one is None else str(one) for one in row.history.quantities),
        "forecast": _forecast(row.distribution),
        "lead_time": row.distribution and _lead_time(row.distribution),
        "quantiles": _quantiles(row.distribution),
        "service_level": _service(row.distribution),
        "class": _classes(row.distribution),
        "reorder_point": _point(row.levels),
        "safety_stock": row.distribution and row.distribution.safety_stock,
        "order_up_to": row.levels.order_up_to,
        "max_stock": row.levels.max_stock,
        "terms": _terms(row.offer),
        "override": _override(row),
        "calendar": "; ".join(
            f"{one.name} {'says nothing' if one.percent is None else f'{one.percent}%'}, "
            f"{_days(one.begins_on, one.ends_on)}"
            for one in row.calendar
        ),
        "decision": row.arithmetic,
        "runs_out": _runs_out(row),
        "suggestion": _suggestion(row.suggestion),
        "position": [part.record() for part in row.position],
    }
    return {name: said for name, said in steps.items() if said not in (None, "")}


def _history(row: WhyRow) -> str:
    bars = plots.sparkline(row.history.quantities)
    ends = dates.display(row.history.ends_on or 0)
    return f"{bars}  {len(row.history.quantities)} {row.history.period}s to {ends}"


def _forecast(found: DistributionRow | None) -> str:
    if found is None:
        return "none: no bvinv forecast run has seen a history of it"
    return (
        f"{_pieces(found.mean)} ± {_pieces(found.deviation, 3)} in {found.lead_time_days} + "
        f"{found.review_days} days, as of {dates.display(found.as_of_on or 0)}"
    )


def _lead_time(found: DistributionRow) -> str:
    return f"{found.lead_time_days} days, {found.lead_time_from}; ordered every {found.review_days}"


def _quantiles(found: DistributionRow | None) -> str:
    if found is None:
        return ""
    parts = [f"{_pieces(pieces)} at {chance}" for chance, pieces in found.quantiles.items()]
    return ", ".join([*parts, f"smoothed level {_pieces(found.level)}"])


def _pieces(number: float, digits: int = 4) -> str:
    """Return a number with so many digits, and all of those before the point."""
    return f"{number:.{digits}g}" if number < 10 ** (digits - 1) else f"{number:.0f}"


def _service(found: DistributionRow | None) -> str:
    if found is None:
        return ""
    kind = "" if found.service_kind == "cycle" else f" {found.service_kind} rate"
    return f"{found.service_level}{kind}, {found.service_from}"


def _classes(found: DistributionRow | None) -> str:
    return f"{found.abc}{found.xyz}, {found.quadrant}, by {found.method}" if found else ""


def _point(aim: AimRow) -> str:
    if aim.source == "nobody":
        return "none: nobody says when to order"
    others = [
        f"{name} {point}"
        for name, point in (("forecast", aim.forecast), ("typed", aim.typed))
        if point is not None and name != aim.source
    ]
    by = {"override": "by an override", "typed": "as typed", "forecast": "by the forecast"}
    return f"{aim.reorder_point}, {by[aim.source]}" + (f" ({', '.join(others)})" if others else "")


def _terms(offer: OfferRow | None) -> str:
    if offer is None:
        return "nobody sells it: set terms"
    parts = [offer.supplier, f"{offer.lead_time_days} days"]
    parts += [f"{offer.cost} {offer.currency}"] if offer.cost is not None else []
    parts += [f"packs of {offer.pack_size}"] if offer.pack_size > 1 else []
    parts += [f"at least {offer.minimum_quantity}"] if offer.minimum_quantity > 1 else []
    return ", ".join(parts)


def _override(row: WhyRow) -> str:
    one = row.override
    if one is None:
        return ""
    return f"{one.reason}, until {dates.display(one.until_on or 0)}"


def _runs_out(row: WhyRow) -> str:
    if row.runs_out_on is None:
        return ""
    said = dates.display(row.runs_out_on)
    earliest = row.runs_out_earliest_on
    if earliest is None or earliest == row.runs_out_on:
        return said
    return f"{said}, hardly before {dates.display(earliest)}"


def _suggestion(found: SuggestionRow | None) -> str:
    if found is None:
        return ""
    document = found.order or found.transfer
    said = f"{found.quantity} on {document}" if document else str(found.quantity)
    return f"{found.status}: {said}, {instants.display(found.updated_at)[:10]}"


def _days(begins_on: int | None, ends_on: int | None) -> str:
    first, last = dates.display(begins_on or 0), dates.display(ends_on or 0)
    return first if first == last else f"{first} to {last}"
