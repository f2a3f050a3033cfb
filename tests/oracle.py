"""The invariants of the design once more, in plain Python over the tables as they are: nothing of
bvinv's own queries, rules or rows is used, so that an error there cannot hide one here."""

from collections import Counter
from typing import Any

from bvinv.core.db import Database

SELLABLE = {"storage", "dock", "staging"}
VIRTUAL = {"supplier", "customer", "adjustment", "transit"}
Row = dict[str, Any]


def read(database: Database, table: str) -> list[Row]:
    with database.read() as session:
        found = session.wire.exec_driver_sql(f"SELECT * FROM {table}")
        names = list(found.keys())
        return [dict(zip(names, row, strict=True)) for row in found]


def faults(database: Database, now: int) -> list[str]:
    """Return everything that is wrong with the books, as sentences; none when they are sound."""
    tables = {
        name: read(database, name)
        for name in (
            "stock_level",
            "bin",
            "bin_level",
            "movement",
            "reservation",
            "reservation_line",
            "purchase_order",
            "purchase_order_line",
            "receipt",
            "receipt_line",
            "transfer",
            "transfer_line",
            "pick",
            "pick_line",
            "package",
            "package_line",
            "customer_return",
            "stock_count",
            "stock_count_line",
            "event",
        )
    }
    return [
        *_ledger(tables),
        *_promises(tables),
        *_orders(tables),
        *_transfers(tables),
        *_parcels(tables, now),
        *_returns(tables),
        *_counts(tables),
    ]


def _ledger(tables: dict[str, list[Row]]) -> list[str]:
    """Invariants 1, 6 and 7: levels, bins at any time, reversals, every movement's event."""
    said = []
    bins = {(one["warehouse_id"], one["code"]): one for one in tables["bin"]}
    told = {event["command_id"] for event in tables["event"]}
    by_level: dict[int, list[Row]] = {level["id"]: [] for level in tables["stock_level"]}
    for movement in sorted(tables["movement"], key=lambda one: one["level_seq"]):
        by_level[movement["level_id"]].append(movement)
        if movement["command_id"] not in told:
            said.append(f"movement {movement['id']} has no event")
    lying = Counter(
        {
            (one["level_id"], one["bin_id"], one["lot"]): one["quantity"]
            for one in tables["bin_level"]
        }
    )
    for level in tables["stock_level"]:
        chain = by_level[level["id"]]
        here: Counter[tuple[int, int, str]] = Counter()
        on_hand = reserved = 0
        reversed_: set[int] = set()
        for place, movement in enumerate(chain, start=1):
            where = f"level {level['id']} movement {movement['level_seq']}"
            if movement["level_seq"] != place:
                said.append(f"{where} is not number {place}")
            for end, sign in (("from_bin", -1), ("to_bin", 1)):
                code = movement[end]
                if code and code not in VIRTUAL:
                    one = bins[level["warehouse_id"], code]
                    key = (level["id"], one["id"], movement["lot"])
                    here[key] += sign * movement["quantity"]
                    if here[key] < 0:
                        said.append(f"{where}: {code} falls to {here[key]}")
            on_hand += movement["on_hand_change"]
            reserved += movement["reserved_change"]
            if (on_hand, reserved) != (movement["on_hand"], movement["reserved"]):
                said.append(f"{where} does not follow")
            if not 0 <= reserved <= on_hand:
                said.append(f"{where}: {reserved} reserved of {on_hand}")
            if back := movement["reverses"]:
                if back in reversed_:
                    said.append(f"{where} reverses {back} again")
                reversed_.add(back)
                said += _mirror(where, chain[back - 1], movement)
        if (on_hand, reserved) != (level["on_hand"], level["reserved"]):
            said.append(f"level {level['id']} does not follow from its movements")
        kinds = {one["id"]: one["kind"] for one in tables["bin"]}
        for sellable, count in ((True, level["on_hand"]), (False, level["unsellable"])):
            found = sum(n for key, n in here.items() if (kinds[key[1]] in SELLABLE) == sellable)
            if found != count:
                said.append(f"level {level['id']} has {count}, its bins {found} ({sellable})")
        for key in {*here, *(one for one in lying if one[0] == level["id"])}:
            if here[key] != lying[key]:
                said.append(f"bin {key} has {lying[key]}, its movements {here[key]}")
    return said


def _mirror(where: str, first: Row, back: Row) -> list[str]:
    same = all(
        (
            first["from_bin"] == back["to_bin"],
            first["to_bin"] == back["from_bin"],
            first["quantity"] == back["quantity"],
            first["lot"] == back["lot"],
            first["on_hand_change"] == -back["on_hand_change"],
            first["reserved_change"] == -back["reserved_change"],
        )
    )
    return [] if same else [f"{where} does not mirror {first['level_seq']}"]


def _promises(tables: dict[str, list[Row]]) -> list[str]:
    """Invariants 2 and 3."""
    said = []
    status = {one["id"]: one["status"] for one in tables["reservation"]}
    held: Counter[int] = Counter()
    for line in tables["reservation_line"]:
        parts = [line[name] for name in ("held", "backordered", "committed", "released")]
        if sum(parts) != line["quantity"] or min(parts) < 0:
            said.append(f"reservation {line['reservation_id']}: {parts} of {line['quantity']}")
        if status[line["reservation_id"]] != "held" and parts[0] + parts[1]:
            said.append(f"reservation {line['reservation_id']} is over and holds {parts}")
        held[line["level_id"]] += line["held"]
    said += [
        f"level {level['id']} has {level['reserved']} reserved, its lines {held[level['id']]}"
        for level in tables["stock_level"]
        if held[level["id"]] != level["reserved"]
    ]
    return said


def _orders(tables: dict[str, list[Row]]) -> list[str]:
    """Invariant 5."""
    said = []
    movements = {(one["level_id"], one["level_seq"]): one for one in tables["movement"]}
    reversed_ = {(one["level_id"], one["reverses"]) for one in tables["movement"]}
    received: Counter[tuple[int, int]] = Counter()
    orders = {one["id"]: one for one in tables["purchase_order"]}
    order_of = {one["id"]: one["order_id"] for one in tables["receipt"]}
    for line in tables["receipt_line"]:
        key = (line["level_id"], line["level_seq"])
        if movements[key]["quantity"] != line["quantity"] or movements[key]["kind"] != "receive":
            said.append(f"receipt line {key} is not its movement")
        if key not in reversed_:
            received[line["receipt_id"], line["level_id"]] += line["quantity"]
    of_order: Counter[tuple[int, int]] = Counter()
    for (receipt, level), pieces in received.items():
        if order_of[receipt]:
            of_order[order_of[receipt], level] += pieces
    for line in tables["purchase_order_line"]:
        key = (line["order_id"], line["level_id"])
        if line["received"] != of_order[key]:
            said.append(f"order line {key} has {line['received']}, receipts {of_order[key]}")
        if line["received"] > line["quantity"] + line["allowance"]:
            said.append(f"order line {key} got more than ordered")
        open_ = orders[line["order_id"]]["status"] in ("placed", "partly-received")
        rest = max(line["quantity"] - line["received"] - line["cancelled"], 0) if open_ else 0
        if line["outstanding"] != rest:
            said.append(f"order line {key}: {line['outstanding']} outstanding, {rest} expected")
    return said


def _transfers(tables: dict[str, list[Row]]) -> list[str]:
    """Invariant 4, and what is on its way to each level."""
    said = []
    status = {one["id"]: one["status"] for one in tables["transfer"]}
    on_the_way: Counter[int] = Counter()
    for line in tables["transfer_line"]:
        rest = line["shipped"] - line["received"] - line["lost"] - line["returned"]
        on_the_way[line["to_level_id"]] += rest
        if rest < 0 or (rest and status[line["transfer_id"]] not in ("shipped", "partly-received")):
            said.append(f"transfer {line['transfer_id']} has {rest} in transit")
        if line["shipped"] and status[line["transfer_id"]] in ("draft", "cancelled"):
            said.append(f"transfer {line['transfer_id']} shipped as a draft")
    said += [
        f"level {level['id']} has {level['in_transit']} in transit, not {on_the_way[level['id']]}"
        for level in tables["stock_level"]
        if level["in_transit"] != on_the_way[level["id"]]
    ]
    return said


def _parcels(tables: dict[str, list[Row]], now: int) -> list[str]:
    """Whatever was picked for a live promise stands in staging, and is held for it."""
    said = []
    picks = {one["id"]: one for one in tables["pick"]}
    live = {
        one["id"]
        for one in tables["reservation"]
        if one["status"] == "held" and one["expires_at"] > now
    }
    staged: Counter[tuple[int, int, str]] = Counter()
    picked: Counter[tuple[str, int]] = Counter()
    for line in tables["pick_line"]:
        pick = picks[line["pick_id"]]
        rest = line["picked"] - line["returned"] - line["shipped"]
        if pick["reservation_id"] in live and pick["status"] in ("open", "picked"):
            staged[line["level_id"], line["staging_id"], line["lot"]] += rest
            picked[pick["reservation_id"], line["level_id"]] += rest
    lying = {
        (one["level_id"], one["bin_id"], one["lot"]): one["quantity"] for one in tables["bin_level"]
    }
    for key, pieces in staged.items():
        if pieces > lying.get(key, 0):
            said.append(f"{pieces} picked pieces of {key} stand where {lying.get(key, 0)} lie")
    held = {
        (one["reservation_id"], one["level_id"]): one["held"] for one in tables["reservation_line"]
    }
    said += [
        f"{pieces} picked for {key}, {held.get(key, 0)} held"
        for key, pieces in picked.items()
        if pieces > held.get(key, 0)
    ]
    packed: Counter[int] = Counter()
    status = {one["id"]: one["status"] for one in tables["package"]}
    for line in tables["package_line"]:
        if status[line["package_id"]] != "cancelled":
            packed[line["pick_line_id"]] += line["quantity"]
    said += [
        f"pick line {line['id']} has {line['packed']} packed, packages {packed[line['id']]}"
        for line in tables["pick_line"]
        if line["packed"] != packed[line["id"]]
    ]
    return said


def _returns(tables: dict[str, list[Row]]) -> list[str]:
    said = []
    waiting: Counter[tuple[int, int, str]] = Counter()
    for one in tables["customer_return"]:
        decided = one["restocked"] + one["damaged"] + one["scrapped"] + one["sent_back"]
        waiting[one["level_id"], one["bin_id"], one["lot"]] += one["quantity"] - decided
    lying = {
        (one["level_id"], one["bin_id"], one["lot"]): one["quantity"] for one in tables["bin_level"]
    }
    for key, pieces in waiting.items():
        if pieces > lying.get(key, 0):
            said.append(f"{pieces} returned pieces wait in {key}, {lying.get(key, 0)} lie there")
    return said


def _counts(tables: dict[str, list[Row]]) -> list[str]:
    movements = {(one["level_id"], one["level_seq"]): one for one in tables["movement"]}
    return [
        f"a posted count points at {movements.get((line['level_id'], line['posted_seq']))}"
        for line in tables["stock_count_line"]
        if line["posted_seq"] and movements[line["level_id"], line["posted_seq"]]["kind"] != "count"
    ]
