"""Statements that take many rows at once, which PostgreSQL is sent in other ways than SQLite."""

import pytest

from bvinv.core import catalog, command_log
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InventoryError

ODD = [
    *("", "tab\tand\nline", r"back\slash \N \.", "quo\"te and 's", "Ünïcode 書"),
    *("{a,b}", "%s %(x)s"),
]
_REASON = Sql.insert("reason", "code", "name", "corrects", "active")
_COMMAND = Sql.insert(
    "command_log", "name", "actor", "key", "request_hash", "recorded_at", after="RETURNING id"
)
_LOT = Sql.insert(
    "lot", "product_id", "code", "expires_on", "created_at", after="ON CONFLICT DO NOTHING"
)
_RENAME = Sql(
    "UPDATE reason SET name = :name, active = reason.active - :less WHERE reason.code = :code",
    each="code text, name text, less bigint",
)


def reasons(session: Session) -> dict[str, tuple[str, int]]:
    asked = Sql("SELECT code, name, active FROM reason WHERE code IN :codes")
    codes = [f"odd-{place}" for place in range(len(ODD))]
    return {row.code: (row.name, row.active) for row in session.ask(asked, codes=codes)}


def test_many_rows_arrive_as_they_were_sent(database):
    rows = [
        {"code": f"odd-{place}", "name": name, "corrects": 1, "active": 1}
        for place, name in enumerate(ODD)
    ]
    with database.write(command_log.command("test", actor="anna")) as session:
        assert session.send(_REASON, rows) == len(ODD)
    with database.read() as session:
        assert reasons(session) == {f"odd-{n}": (name, 1) for n, name in enumerate(ODD)}


def test_many_rows_are_changed_in_one_statement_and_counted(database):
    command = command_log.command("test", actor="anna")
    rows = [{"code": f"odd-{n}", "name": "?", "corrects": 1, "active": 1} for n in range(len(ODD))]
    changes = [{"code": f"odd-{n}", "name": name, "less": 1} for n, name in enumerate(ODD)]
    with database.write(command) as session:
        session.send(_REASON, rows)
        missing = {"code": "odd-nowhere", "name": "?", "less": 1}
        assert session.send(_RENAME, [missing, *changes]) == len(ODD)
    with database.read() as session:
        assert reasons(session) == {f"odd-{n}": (name, 0) for n, name in enumerate(ODD)}


def test_ids_come_back_in_the_order_of_the_rows(database):
    rows = [
        {"name": name, "actor": "anna", "key": None, "request_hash": "", "recorded_at": 1}
        for name in ODD
    ]
    with database.write(command_log.command("test", actor="anna")) as session:
        numbers = session.insert(_COMMAND, rows)
        asked = Sql("SELECT id, name, key FROM command_log WHERE id IN :ids ORDER BY id")
        found = [tuple(row) for row in session.ask(asked, ids=numbers)]
    assert found == [(number, name, None) for number, name in zip(numbers, ODD, strict=True)]


def test_rows_that_are_there_already_are_passed_over(database):
    command = command_log.command("test", actor="anna")
    with database.write(command) as session:
        product = catalog.add(session, fields={"sku": "HX-1", "title": "Hexagon"})
        rows = [
            {"product_id": product.id, "code": code, "expires_on": day, "created_at": 1}
            for code, day in (("A", 7), ("B", None), ("C", 9))
        ]
        assert session.send(_LOT, rows[1:]) == 2
        assert session.send(_LOT, rows) == 1
        found = session.ask(Sql("SELECT code, expires_on FROM lot ORDER BY code"))
    assert [tuple(row) for row in found] == [("A", 7), ("B", None), ("C", 9)]


def test_of_many_rows_none_stays_if_one_is_refused(database):
    rows = [{"code": f"odd-{n}", "name": "?", "corrects": 1, "active": n} for n in range(3)]
    refused = pytest.raises(Exception, match=r"(?i)check|constraint")
    with refused, database.write(command_log.command("test", actor="anna")) as session:
        session.send(_REASON, rows)
    assert not isinstance(refused.excinfo.value, InventoryError)  # a bug of whoever sent it
    with database.read() as session:
        assert reasons(session) == {}


def test_what_cannot_be_sent_undoes_as_much_as_a_savepoint_says(database):
    rows = [{"code": code, "name": "?", "corrects": 1, "active": 1} for code in ("odd-0", "odd-1")]
    changes = [row | {"less": 0} for row in rows]
    wrong = ({"name": "\ud800"}, {"active": 2**70, "less": 2**70})
    with database.write(command_log.command("test", actor="anna")) as session:
        session.send(_REASON, rows[:1])
        for sql, sent in ((_REASON, rows[1:] * 2), (_RENAME, changes)):
            for more in wrong:
                session.mark("SAVEPOINT job")
                with pytest.raises(Exception, match=r"encode|range|large"):
                    session.send(sql, [sent[0], sent[1] | {"code": "odd-2"} | more])
                session.mark("ROLLBACK TO SAVEPOINT job")
                session.mark("RELEASE SAVEPOINT job")
        assert reasons(session) == {"odd-0": ("?", 1)}


def test_ids_of_a_thousand_rows_are_those_of_the_rows(database):
    rows = [
        {"name": str(place), "actor": "anna", "key": None, "request_hash": "", "recorded_at": 1}
        for place in range(1_000)
    ]
    with database.write(command_log.command("test", actor="anna")) as session:
        numbers = session.insert(_COMMAND, rows)
        asked = Sql("SELECT id, name FROM command_log WHERE id IN :ids ORDER BY id")
        found = [tuple(row) for row in session.ask(asked, ids=numbers)]
    assert found == [(number, str(place)) for place, number in enumerate(numbers)]
