"""What each role may do at the command line: the whole table, command by command."""

import pytest

from bvinv.core import access
from tests.core.test_access import OPERATORS, commands

# What a command needs besides its name, where it looks before it asks for anything.
WORDS = {
    "products show": "HX-1",
    "products category show": "x",
    "search": "hex",
    "stock show": "HX-1",
    "products export": "-",
    "reserve create": "SO-1 HX-1=1",
    "reserve show": "SO-1",
    "reserve extend": "SO-1 --ttl 1h",
    "reserve commit": "SO-1",
    "reserve release": "SO-1",
    "products price": "HX-1 5",
    "products approve": "1",
    "products reject": "1 --reason x",
    "products add": "X-1 --title X",
    "products update": "HX-1 --title X",
    "products delete": "HX-3",
    "products import": "missing.csv",
    "products category add": "x --name X",
    "products category move": "x",
    "products category rename": "x y",
    "products category delete": "x",
    "products mapping delete": "x",
    "warehouse add": "X --name X",
    "warehouse show": "MAIN",
    "warehouse bins": "MAIN",
    "warehouse bin add": "MAIN X",
    "warehouse bin update": "MAIN X",
    "warehouse bin show": "MAIN SHELF",
    "purchase supplier show": "X",
    "purchase supplier add": "X --name X --currency GBP --lead-time-days 1",
    "purchase supplier update": "X --name Y",
    "purchase supplier terms": "X HX-1 --cost 1",
    "purchase order create": "X HX-1=1 -w MAIN",
    "purchase order place": "PO-1",
    "purchase order show": "PO-1",
    "purchase order update": "PO-1 --note x",
    "purchase order cancel": "PO-1",
    "purchase receipt show": "RC-1",
    "receive": "HX-1 --qty 1 -w MAIN",
    "scan resolve": "x --to HX-1",
    "scan dismiss": "x",
    "scan show": "SC-1",
    "scan close": "SC-1",
    "stock put-away": "HX-1 -w MAIN --qty 1 --to SHELF",
    "stock adjust": "HX-1 -w MAIN --change 1 --reason found",
    "stock history": "HX-1",
    "stock why": "HX-1 -w MAIN",
    "stock undo": "1",
    "stock lots": "HX-1",
    "stock set": "HX-1 -w MAIN --reorder-point 1",
    "stock import": "missing.csv",
    "stock count open": "-w MAIN",
    "stock count add": "CT-1 HX-1=1",
    "stock count show": "CT-1",
    "stock count post": "CT-1",
    "stock count cancel": "CT-1",
    "stock reason add": "x --name X",
    "stock reason rename": "lost --name X",
    "stock reason retire": "lost",
    "stock reason restore": "lost",
    "transfer create": "HX-1=1 --from MAIN --to NORTH",
    "transfer ship": "TR-1",
    "transfer receive": "TR-1",
    "transfer close": "TR-1",
    "transfer show": "TR-1",
    "transfer update": "TR-1 --note x",
    "transfer cancel": "TR-1",
    "reserve pick": "SO-1",
    "reserve pack": "SO-1 --package X",
    "reserve ship": "SO-1",
    "reserve channel add": "X --name X",
    "returns receive": "HX-1 --qty 1 -w MAIN --reason unwanted",
    "returns decide": "RT-1 --scrap 1",
    "returns show": "RT-1",
    "forecast why": "HX-1",
    "forecast import": "missing.csv",
    "forecast service set": "0.98",
    "forecast calendar add": "X --from 2026-10-14 --until 2026-10-18 --mask",
    "forecast calendar remove": "1",
    "forecast override set": "HX-1 -w MAIN --reorder-point 1 --reason x --until 2099-01-31",
    "forecast override remove": "HX-1 -w MAIN",
    "webhooks add": "https://127.0.0.1/",
    "webhooks show": "1",
    "webhooks rotate": "1",
    "webhooks remove": "1",
    "webhooks test": "1",
    "webhooks deliveries": "1",
    "webhooks redeliver": "1 1",
    "keys create": "--name X --role admin",
    "keys revoke": "X",
    "keys limit": "X --role admin",
    "db backup": "missing/x.db",
    "db restore": "missing.db",
    "db copy": "missing.db missing/x.db",
    "db log export": "-",
    "db log replay": "missing.jsonl",
}


def forbidden(name: str, role: str, least: str) -> str:
    return (
        f"error[not-permitted]: {name} needs the role {least}, and tester has {role}\n"
        "hint: ask somebody who has it\n"
    )


@pytest.mark.parametrize("role", access.ROLES[:-1])
def test_what_a_role_may_not_do_is_refused_and_changes_nothing(bvinv, monkeypatch, role):
    before = bvinv.dump()
    monkeypatch.setenv("BVINV_ROLE", role)
    for name in sorted(commands() - OPERATORS):
        if not access.permits(role, name):
            said = bvinv(f"{name} {WORDS.get(name, '')}").refused(6)
            # Whoever may not even look is told what that would need.
            least = access.needed(name, looks=not access.permits(role, name, looks=True))
            assert said == forbidden(name, role, least), name
    assert bvinv.dump() == before


@pytest.mark.parametrize("role", access.ROLES)
def test_what_a_role_may_do_is_not_refused_for_its_role(bvinv, monkeypatch, role):
    monkeypatch.setenv("BVINV_ROLE", role)
    for name in sorted(commands() - OPERATORS):
        if access.needed(name) != role:
            continue
        said = bvinv(f"{name} {WORDS.get(name, '')}").stderr
        for wrong in ("needs the role", "Missing", "No such option", "Usage:"):
            assert wrong not in said, said


def test_the_operator_s_commands_are_for_admins(bvinv, monkeypatch):
    before = bvinv.dump()
    monkeypatch.setenv("BVINV_ROLE", "manager")
    assert bvinv("init --sample").refused(6) == forbidden("init", "manager", "admin")
    assert bvinv.dump() == before


def test_who_may_not_set_a_price_may_look_at_it(bvinv, monkeypatch):
    monkeypatch.setenv("BVINV_ROLE", "staff")
    before = bvinv.dump()
    assert bvinv("products price HX-1 -f json").json["price"] == "12.99"
    assert bvinv("products price HX-1 5").refused(6) == forbidden(
        "products price", "staff", "manager"
    )
    assert bvinv.dump() == before


def test_a_dry_run_and_a_replay_need_the_role_too(bvinv, monkeypatch):
    line = "receive HX-1 --qty 1 -w MAIN --key K-1"
    bvinv(line)
    monkeypatch.setenv("BVINV_ROLE", "service")
    before = bvinv.dump()
    for said in (line, f"{line} --dry-run", f"{line} -f json"):
        bvinv(said).refused(6)
    assert bvinv.dump() == before


def test_a_role_is_refused_before_the_database_is_looked_for(bvinv, monkeypatch):
    monkeypatch.setenv("BVINV_ROLE", "viewer")
    assert bvinv("--db missing.db keys list").refused(6) == forbidden(
        "keys list", "viewer", "admin"
    )
    bvinv("--db missing.db products list").refused(3)
