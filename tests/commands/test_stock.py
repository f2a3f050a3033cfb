"""`bvinv stock`: what it prints, what it refuses."""

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

LEVEL = [
    "sku",
    "warehouse",
    "on_hand",
    "reserved",
    "available",
    "backordered",
    "in_transit",
    "on_order",
    "reorder_point",
    "max_stock",
    "safety_stock",
    "version",
    "updated_at",
]
MOVEMENT = [
    "id",
    "level_seq",
    "sku",
    "warehouse",
    "kind",
    "reason",
    "quantity",
    "from_bin",
    "to_bin",
    "on_hand_change",
    "reserved_change",
    "on_hand",
    "reserved",
    "document",
    "actor",
    "occurred_at",
    "recorded_at",
    "hash",
]
NO_WAREHOUSE = ("there is no warehouse MOON", "see: bvinv warehouse list")
NO_PRODUCT = ("there is no product 'HX-9'", "see: bvinv products list")


def test_the_levels_of_a_product_are_listed(bvinv):
    ran = bvinv("stock show hx-2")

    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "sku   warehouse  on_hand  reserved  available  backordered  reorder_point\n"
        "HX-2  MAIN             4         0          4            0\n"
        "HX-2  NORTH            6         0          6            0\n"
    )


def test_a_level_has_these_keys(bvinv):
    [row] = bvinv("stock show HX-1 --format json").json
    one = bvinv("stock show HX-1 -w main --format json").json

    assert list(row)[: len(LEVEL)] == LEVEL
    assert row == one
    assert {key: one[key] for key in LEVEL[:-1]} == {
        "sku": "HX-1",
        "warehouse": "MAIN",
        "on_hand": 10,
        "reserved": 0,
        "available": 10,
        "backordered": 0,
        "in_transit": 0,
        "on_order": 0,
        "reorder_point": None,
        "max_stock": None,
        "safety_stock": None,
        "version": 1,
    }
    assert one["updated_at"].endswith("Z")


def test_where_nothing_ever_was_there_is_nothing(bvinv):
    row = bvinv("stock show HX-3 -w MAIN --format json").json
    assert (row["on_hand"], row["available"], row["updated_at"]) == (0, 0, None)
    assert bvinv("stock show HX-3") == (0, "", "")
    assert bvinv("stock show HX-3 --format json").json == []


def test_as_of_answers_what_had_happened(bvinv):
    then = bvinv("stock history HX-1 --format json").json[0]["recorded_at"]
    bvinv("receive HX-1 --qty 5 -w MAIN")

    past = bvinv(f"stock show HX-1 -w MAIN --as-of {then} --format json").json

    assert (past["on_hand"], past["reserved"], past["reorder_point"]) == (10, 0, None)
    assert bvinv("stock show HX-1 -w MAIN --as-of 1999-12-31 --format json").json["on_hand"] == 0


@pytest.mark.parametrize("as_of", ["yesterday", "2026-13-01", "26-01-01", "''"])
def test_a_time_has_to_be_one(bvinv, as_of):
    ran = bvinv(f"stock show HX-1 --as-of {as_of}")
    assert ran.refused(2).startswith(
        f"error[invalid-input]: {as_of.strip(chr(39))!r} is not a time"
    )


def test_levels_are_listed_page_by_page(bvinv):
    first = bvinv("stock list --limit 2 --format json")
    assert [(row["sku"], row["warehouse"]) for row in first.json] == [
        ("HX-1", "MAIN"),
        ("HX-2", "MAIN"),
    ]
    assert first.stderr == "more: --after HX-2=MAIN\n"
    rest = bvinv("stock list --after HX-2=MAIN --format json")
    assert [(row["sku"], row["warehouse"]) for row in rest.json] == [("HX-2", "NORTH")]
    assert rest.stderr == ""
    assert [row["sku"] for row in bvinv("stock list -w north -f json").json] == ["HX-2"]


def test_what_is_low_and_what_should_be_ordered(bvinv):
    bvinv("stock set HX-1 -w MAIN --safety-stock 10")
    bvinv("stock set HX-2 -w MAIN --reorder-point 5")

    low = bvinv("stock list --low -f json").json
    below = bvinv("stock list --below-reorder-point -f json").json

    assert [(row["sku"], row["warehouse"]) for row in low] == [("HX-1", "MAIN")]
    assert [(row["sku"], row["warehouse"]) for row in below] == [("HX-2", "MAIN")]


def test_an_adjustment_needs_a_reason_and_keeps_it(bvinv):
    row = bvinv("stock adjust HX-1 -w MAIN --change -2 --reason Damaged --note wet -f json").json
    assert (row["on_hand"], row["version"]) == (8, 2)
    moved = bvinv("stock history HX-1 --limit 1 -f json").json[0]
    assert (moved["kind"], moved["reason"], moved["on_hand_change"], moved["actor"]) == (
        "adjust",
        "damaged",
        -2,
        "tester",
    )
    counted = bvinv("stock adjust HX-1 -w MAIN --to 11 --expect 8 --reason found -f json").json
    assert counted["on_hand"] == 11


CHANGE = "the change must be a whole number from -1000000000 to 1000000000, not"
NUMBER = "the number must be a whole number from -1000000000 to 1000000000, not"


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        ("HX-9 -w MAIN --change 1 --reason other", 3, *NO_PRODUCT),
        ("HX-1 -w MOON --change 1 --reason other", 3, *NO_WAREHOUSE),
        (
            "HX-1 -w MAIN --change 1 --reason other --bin A-99",
            3,
            "there is no bin A-99 in MAIN",
            "see: bvinv warehouse bins MAIN",
        ),
        (
            "HX-1 -w MAIN --change 0 --reason other",
            2,
            "a change of 0 changes nothing",
            "--change +3 or --change -3",
        ),
        ("HX-1 -w MAIN --change 1.5 --reason other", 2, f"{NUMBER} '1.5'", None),
        ("HX-1 -w MAIN --change 1_000 --reason other", 2, f"{NUMBER} '1_000'", None),
        ("HX-1 -w MAIN --change 10000000000 --reason other", 2, f"{NUMBER} '10000000000'", None),
        (
            "HX-1 -w MAIN --reason other",
            2,
            "say either the change or the count",
            "--change -2, or --to 8 --expect 10",
        ),
        (
            "HX-1 -w MAIN --change 1 --to 2 --reason other",
            2,
            "say either the change or the count",
            "--change -2, or --to 8 --expect 10",
        ),
        (
            "HX-1 -w MAIN --to 8 --reason other",
            2,
            "a count needs the number that stood there before",
            "--to 8 --expect 10: so two people who count at once do not add up their errors",
        ),
        (
            "HX-1 -w MAIN --to 8 --expect 9 --reason other",
            4,
            "10 of HX-1 stand in MAIN, not 9",
            "count again, then repeat with the new number",
        ),
        (
            "HX-1 -w MAIN --to -1 --expect 10 --reason other",
            2,
            "the count must be a whole number from 0 to 1000000000, not -1",
            None,
        ),
        (
            "HX-1 -w MAIN --change 1",
            2,
            "Missing option '--reason'.",
            "see: bvinv stock adjust --help",
        ),
        (
            "HX-1 -w MAIN --change 1 --reason ''",
            2,
            "an adjustment needs a reason",
            "for example: --reason damaged, found, miscount",
        ),
        (
            "HX-1 -w MAIN --change -11 --reason other",
            5,
            "only 10 of HX-1 lie in MAIN, 11 wanted",
            "see: bvinv stock why HX-1 --warehouse MAIN",
        ),
        (
            "HX-1 -w MAIN --change -1 --reason other --break oldest",
            2,
            "--break knows one way: newest",
            None,
        ),
    ],
)
def test_what_is_no_adjustment(bvinv, line, code, detail, hint):
    assert_refused(bvinv, f"stock adjust {line}", code, detail, hint)


def test_what_is_promised_stays_unless_the_newest_hold_is_broken(bvinv):
    bvinv("reserve create SO-1 HX-1=5")
    bvinv("reserve create SO-2 HX-1=4")
    assert_refused(
        bvinv,
        "stock adjust HX-1 -w MAIN --change -3 --reason damaged",
        5,
        "only 1 of HX-1 can leave MAIN, 3 wanted; held by SO-2 (4), SO-1 (5)",
        "release a hold, or use --break newest",
    )

    bvinv("stock adjust HX-1 -w MAIN --change -3 --reason damaged --break newest")

    assert bvinv.level("HX-1", "MAIN") == (7, 7, -2, 2)
    line = bvinv("reserve show SO-2 -f json").json["lines"][0]
    assert (line["held"], line["backordered"]) == (2, 2)


def test_settings_are_set_and_taken_away(bvinv):
    line = "stock set HX-1 -w MAIN --reorder-point 5 --max-stock 40 --safety-stock 0"
    ran = bvinv(line)
    assert ran.stdout.splitlines()[-3:] == [
        "reorder_point  5",
        "max_stock      40",
        "safety_stock   0",
    ]
    row = bvinv("stock set HX-1 -w MAIN --reorder-point none --format json").json
    assert (row["reorder_point"], row["max_stock"], row["safety_stock"]) == (None, 40, 0)


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        ("HX-9 -w MAIN --max-stock 1", 3, *NO_PRODUCT),
        ("HX-1 -w MOON --max-stock 1", 3, *NO_WAREHOUSE),
        ("HX-1 -w MAIN", 2, "nothing to set", "for example: --reorder-point 10"),
        (
            "HX-1 -w MAIN --reorder-point 5 --max-stock 4",
            2,
            "a reorder point of 5 lies above the maximum 4",
            None,
        ),
        (
            "HX-1 -w MAIN --reorder-point -1",
            2,
            "the number must be a whole number from 0 to 1000000000, not '-1'",
            None,
        ),
    ],
)
def test_what_cannot_be_set(bvinv, line, code, detail, hint):
    assert_refused(bvinv, f"stock set {line}", code, detail, hint)


def test_goods_are_put_away(bvinv):
    bvinv("warehouse bin add MAIN A-01")

    bvinv("stock put-away HX-1 --qty 4 -w MAIN --from shelf --to a-01")

    bins = {row["bin"]: row["quantity"] for row in bvinv("warehouse bins MAIN -f json").json}
    assert bins == {"A-01": 4, "DOCK": 0, "QUAR": 0, "SHELF": 10}
    assert bvinv.level("HX-1", "MAIN") == (10, 0, 10, 0)
    assert bvinv("stock history HX-1 --limit 1").stdout.splitlines()[1].endswith("SHELF to A-01")


def test_what_goes_to_quarantine_is_promised_to_nobody(bvinv):
    row = bvinv("stock put-away HX-1 --qty 4 -w MAIN --from SHELF --to QUAR -f json").json
    assert (row["on_hand"], row["available"], row["unsellable"]) == (6, 6, 4)


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        ("HX-9 --qty 1 -w MAIN --to SHELF", 3, *NO_PRODUCT),
        ("HX-1 --qty 1 -w MOON --to SHELF", 3, *NO_WAREHOUSE),
        (
            "HX-1 --qty 1 -w MAIN --to A-99",
            3,
            "there is no bin A-99 in MAIN",
            "see: bvinv warehouse bins MAIN",
        ),
        ("HX-1 --qty 1 -w MAIN --to DOCK", 2, "the goods lie in DOCK already", None),
        (
            "HX-1 --qty 1 -w MAIN --to SHELF",
            5,
            "only 0 of HX-1 lie in DOCK at MAIN, 1 wanted",
            "see: bvinv stock why HX-1 --warehouse MAIN",
        ),
    ],
)
def test_what_cannot_be_put_away(bvinv, line, code, detail, hint):
    assert_refused(bvinv, f"stock put-away {line}", code, detail, hint)


def test_movements_are_listed_the_newest_first(bvinv):
    bvinv("receive HX-1 --qty 5 -w MAIN --document DN-7")
    bvinv("reserve create SO-1 HX-1=3")
    bvinv("stock adjust HX-1 -w MAIN --change -2 --reason damaged")

    ran = bvinv("stock history HX-1")
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert rows[0] == [
        "id",
        "recorded_at",
        "warehouse",
        "kind",
        "quantity",
        "on_hand",
        "reserved",
        "about",
    ]
    assert [[row[0], *row[2:]] for row in rows[1:]] == [
        ["6", "MAIN", "adjust", "-2", "13", "3", "damaged"],
        ["5", "MAIN", "hold", "3", "15", "3", "SO-1"],
        ["4", "MAIN", "receive", "5", "15", "0", "DN-7"],
        ["1", "MAIN", "receive", "10", "10", "0", "RC-1"],
    ]
    page = bvinv("stock history HX-1 --limit 1 --after 6 --format json")
    assert ([row["id"] for row in page.json], page.stderr) == ([5], "more: --after 5\n")


def test_a_movement_inside_a_warehouse_or_to_another_is_listed_with_its_way(bvinv):
    bvinv("stock put-away HX-1 --qty 1 -w MAIN --from SHELF --to DOCK")
    bvinv("reserve create SO-1 HX-1=1 -w MAIN")
    bvinv("reserve pick SO-1")
    bvinv("reserve pick SO-1 --all")
    bvinv("reserve pick SO-1 --cancel")
    bvinv("transfer create HX-1=2 --from MAIN --to NORTH --ship")
    bvinv("transfer receive TR-1")

    lines = bvinv("stock history HX-1").stdout.splitlines()[1:]

    said = [line.split() for line in lines]
    assert [[row[3], " ".join(row[7:])] for row in said if row[3] not in ("hold", "receive")] == [
        ["arrive", "transit to DOCK TR-1"],
        ["send", "SHELF to transit TR-1"],
        ["unpick", "STAGING to SHELF SO-1"],
        ["pick", "SHELF to STAGING SO-1"],
        ["move", "SHELF to DOCK"],
    ]


def test_movements_fit_80_columns_on_one_line_each(bvinv):
    bvinv("receive HX-1 --qty 5 -w MAIN --document DN-4711")

    lines = bvinv("stock history HX-1 --format table").stdout.splitlines()

    assert [line.split()[0] for line in lines[-2:]] == ["4", "1"]
    assert max(map(len, lines)) <= 80
    assert lines[-2].split()[-1] == "DN-4711"


def test_a_movement_has_these_keys(bvinv):
    [row] = bvinv("stock history HX-1 --format json").json

    assert list(row)[: len(MOVEMENT)] == MOVEMENT
    assert len(row["hash"]) == 64


def test_history_has_a_beginning_and_an_end(bvinv):
    assert bvinv("stock history HX-1 --since 2999-01-01") == (0, "", "")
    assert bvinv("stock history HX-1 --until 1999-01-01 --format json").json == []
    assert len(bvinv("stock history HX-2 -w NORTH --format json").json) == 1
    refused = bvinv("stock history HX-1 --since 2026-02-01 --until 2026-01-01").refused(2)
    assert refused == "error[invalid-input]: --until lies before --since\n"
    assert bvinv("stock history HX-3 --format csv").stdout.startswith("id,level_seq,sku,")


def test_why_explains_a_level(bvinv):
    bvinv("reserve create SO-1 HX-1=3")
    bvinv("stock adjust HX-1 -w MAIN --change -2 --reason damaged")

    row = bvinv("stock why HX-1 -w MAIN --format json").json

    assert list(row) == [
        "sku",
        "warehouse",
        "on_hand",
        "reserved",
        "available",
        "backordered",
        "unsellable",
        "causes",
        "holders",
        "waiting",
        "bins",
    ]
    assert [tuple(cause.values()) for cause in row["causes"]] == [
        ("adjust", "damaged", 1, -2, 0),
        ("hold", None, 1, 0, 3),
        ("receive", None, 1, 10, 0),
    ]
    assert [(one["reservation_id"], one["held"]) for one in row["holders"]] == [("SO-1", 3)]
    assert row["bins"] == [
        {"bin": "SHELF", "kind": "storage", "quantity": 8, "lot": None, "expires_on": None}
    ]
    told = bvinv("stock why HX-1 -w MAIN").stdout
    assert "waiting" not in told
    assert "\nholders:\nreservation_id" in told


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        ("show HX-9", 3, *NO_PRODUCT),
        ("show HX-1 -w MOON", 3, *NO_WAREHOUSE),
        ("list -w MOON", 3, *NO_WAREHOUSE),
        ("list --after x", 2, "the cursor is not one that this list gave out", None),
        (
            "list --limit 0",
            2,
            "the quantity must be a whole number from 1 to 1000000000, not '0'",
            None,
        ),
        ("history HX-9", 3, *NO_PRODUCT),
        ("history HX-1 -w MOON", 3, *NO_WAREHOUSE),
        ("why HX-9 -w MAIN", 3, *NO_PRODUCT),
        ("why HX-1 -w MOON", 3, *NO_WAREHOUSE),
        (
            "verify --against beef",
            2,
            "a head is 64 hexadecimal digits, not 'beef'",
            "bvinv stock verify --head prints one",
        ),
    ],
)
def test_questions_without_an_answer(bvinv, line, code, detail, hint):
    assert_refused(bvinv, f"stock {line}", code, detail, hint)


def test_sound_books_are_verified(bvinv):
    head = bvinv("stock verify --head -f json").json["head"]

    ran = bvinv("stock verify")

    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "levels        3\nmovements     3\nreservations  0\nsound         true\n"
        f"head          {head}\n"
    )
    assert bvinv(f"stock verify --against {head}").exit_code == 0


def test_a_head_that_was_kept_elsewhere_shows_a_lost_tail(bvinv):
    ran = bvinv(f"stock verify --against {'0' * 64} --format json")

    assert ran.exit_code == 8
    assert '"sound": false' in ran.stdout
    assert '"code": "verification-failed"' in ran.stderr


def test_books_that_were_touched_are_found_out(bvinv):
    from bvinv.core.db import Database
    from tests import books

    database = Database(bvinv.path)
    books.damage(database, "UPDATE stock_level SET on_hand = 11 WHERE id = 1")
    database.close()

    ran = bvinv("stock verify")

    assert ran.exit_code == 8
    assert ran.stderr == (
        "error[verification-failed]: the books do not balance: 2 found\n"
        "  HX-1 at MAIN: on hand is 11, its movements add up to 10\n"
        "  HX-1 at MAIN: on hand is 11, its sellable bins hold 10\n"
    )


ADJUST = "stock adjust HX-1 -w MAIN --change -1 --reason damaged"
SET = "stock set HX-1 -w MAIN --reorder-point 3"
PUT_AWAY = "stock put-away HX-1 --qty 2 -w MAIN --from SHELF --to DOCK"


@pytest.mark.parametrize(("line", "levels"), [(ADJUST, 1), (SET, 0), (PUT_AWAY, 1)])
def test_a_dry_run_only_tells(bvinv, line, levels):
    assert len(assert_only_tried(bvinv, line)["changes"]) == levels


@pytest.mark.parametrize(
    ("line", "other"), [(ADJUST, SET), (SET, f"{SET} --max-stock 9"), (PUT_AWAY, ADJUST)]
)
def test_a_key_makes_repeating_harmless(bvinv, line, other):
    assert_replays(bvinv, line, other)


OPENING = "sku,warehouse,quantity,bin,reason\nHX-3,MAIN,5,,\nHX-1,MAIN,-2,,damaged\n"
IMPORT = ["rows", "created", "updated", "skipped", "rejected", "rejects_file", "seconds"]


def test_opening_balances_and_adjustments_are_imported(bvinv, tmp_path):
    (tmp_path / "stock.csv").write_text(OPENING)

    row = bvinv("stock import stock.csv --format json").json

    assert list(row)[: len(IMPORT)] == IMPORT
    assert [row[key] for key in IMPORT[:6]] == [2, 1, 1, 0, 0, None]
    assert bvinv.level("HX-3", "MAIN") == (5, 0, 5, 0)
    assert bvinv.level("HX-1", "MAIN") == (8, 0, 8, 0)


def test_the_same_stock_file_again_changes_nothing(bvinv):
    bvinv("stock import -", stdin=OPENING)
    before = bvinv.dump()

    again = bvinv("stock import - --format json", stdin=OPENING).json

    assert (again["rows"], again["skipped"]) == (2, 2)
    assert bvinv.dump() == before


def test_rows_that_are_refused_are_kept_with_the_reason(bvinv, tmp_path):
    rows = "HX-9,MAIN,1,,\nHX-1,MOON,1,,\nHX-1,MAIN,1_0,,\nHX-1,MAIN,-99,,lost\nHX-3,MAIN,5,,\n"
    (tmp_path / "stock.csv").write_text(OPENING.splitlines()[0] + "\n" + rows)

    ran = bvinv("stock import stock.csv --rejects refused.csv")

    assert ran.exit_code == 7
    assert [line.split() for line in ran.stdout.splitlines()[:6]] == [
        ["rows", "5"],
        ["created", "1"],
        ["updated", "0"],
        ["skipped", "0"],
        ["rejected", "4"],
        ["rejects_file", "refused.csv"],
    ]
    assert ran.stderr == (
        "reading stock.csv: CSV, UTF-8, comma\n"
        "error[partial]: 4 of 5 rows were rejected\n"
        "  line 2, sku: there is no product HX-9\n"
        "  line 3, warehouse: there is no warehouse MOON\n"
        "  line 4, quantity: the quantity must be a whole number from 0 to 1000000000, not '1_0'\n"
        "  line 5, quantity: only 10 of HX-1 lie in MAIN, 99 wanted\n"
        "hint: see refused.csv\n"
    )
    assert (tmp_path / "refused.csv").read_text().splitlines()[:2] == [
        "sku,warehouse,quantity,bin,reason,error_code,error_field,error_message",
        "HX-9,MAIN,1,,,not-found,sku,there is no product HX-9",
    ]


def test_a_dry_import_only_tells(bvinv):
    before = bvinv.dump()

    ran = bvinv("stock import - --dry-run --format json", stdin=OPENING)

    assert (ran.json["created"], ran.json["dry_run"]) == (1, True)
    assert ran.stderr.endswith("dry run: nothing was changed\n")
    assert bvinv.dump() == before


def test_an_import_replays_its_key(bvinv):
    first = bvinv("stock import - --key K --format json", stdin=OPENING).json
    before = bvinv.dump()

    again = bvinv("stock import - --key K --format json", stdin=OPENING).json

    assert again == first | {"replayed": True}
    other = bvinv("stock import - --key K", stdin=OPENING + "HX-2,MAIN,1,,\n").refused(4)
    assert other.startswith("error[conflict]: the key K was used for another request\n")
    assert bvinv.dump() == before


def test_the_head_is_printed_alone_and_can_be_handed_back(bvinv):
    head = bvinv("stock verify --head").stdout

    assert len(head) == 65
    assert bvinv(f"stock verify --against {head.strip()}").exit_code == 0
