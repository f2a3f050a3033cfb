"""`bvinv stock undo`: what it prints, what it refuses."""

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays


def newest(bvinv):
    return bvinv("stock history HX-1 --limit 1 --format json").json[0]["id"]


def test_a_movement_is_undone(bvinv):
    bvinv("stock adjust HX-1 -w MAIN --change -2 --reason damaged")
    number = newest(bvinv)

    ran = bvinv(f"stock undo {number}")

    assert (ran.exit_code, ran.stderr) == (0, "")
    assert [line.split() for line in ran.stdout.splitlines()[:10]] == [
        ["id", str(number + 1)],
        ["reverses", "2"],
        ["sku", "HX-1"],
        ["warehouse", "MAIN"],
        ["kind", "adjust"],
        ["quantity", "2"],
        ["from_bin", "adjustment"],
        ["to_bin", "SHELF"],
        ["on_hand", "10"],
        ["reserved", "0"],
    ]
    assert_refused(
        bvinv,
        f"stock undo {number}",
        4,
        f"movement {number} was undone already, by movement {number + 1}",
        None,
    )


def test_a_step_of_a_transfer_is_undone(bvinv):
    bvinv("transfer create HX-1=4 --from MAIN --to NORTH --ship")

    row = bvinv("stock undo tr-1 -f json").json

    [moved] = row.pop("movements")
    assert row == {"undone": "TR-1", "step": "shipped", "status": "draft"}
    assert (moved["undoes"], moved["from_bin"], moved["to_bin"], moved["on_hand"]) == (
        moved["id"] - 1,
        "transit",
        "SHELF",
        10,
    )
    assert_refused(
        bvinv,
        "stock undo TR-1",
        4,
        "TR-1 is a draft: there is nothing to undo",
        "bvinv transfer cancel TR-1",
    )


def test_a_dry_run_shows_the_undo_and_a_key_does_it_once(bvinv):
    bvinv("stock adjust HX-1 -w MAIN --change -2 --reason damaged")
    number = newest(bvinv)
    assert assert_only_tried(bvinv, f"stock undo {number}")["on_hand"] == 10
    assert_replays(bvinv, f"stock undo {number}", f"stock undo {number - 1}")


def test_the_dependents_are_listed(bvinv):
    bvinv("receive HX-1 --qty 3 -w MAIN")
    number = newest(bvinv)
    bvinv("stock put-away HX-1 --qty 1 -w MAIN --to SHELF")

    said = bvinv(f"stock undo {number}").refused(4)

    move = f"movement {number + 1} (move 1 to SHELF)"
    assert said == (
        "error[conflict]: only 2 of HX-1 lie in DOCK at MAIN, 3 would go back; since then: "
        f"{move}\n"
        "hint: undo what came later first, or correct the stock: bvinv stock adjust\n"
    )


def test_what_cannot_be_undone_is_said(bvinv):
    hint = (
        "name a movement (see: bvinv stock history REF), a receipt RC-5, a transfer TR-3, or a "
        "count CT-2"
    )
    for what in ("SO-1", "PO-1", "x"):
        assert_refused(bvinv, f"stock undo {what}", 2, f"'{what}' cannot be undone", hint)
    assert_refused(
        bvinv, "stock undo 999", 3, "there is no movement 999", "see: bvinv stock history REF"
    )
