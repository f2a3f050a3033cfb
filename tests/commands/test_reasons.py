"""`bvinv stock reason`: what it prints, what it refuses."""

import pytest

from tests.commands.shell import assert_only_tried, assert_refused, assert_replays

ADD = "stock reason add mice --name Eaten"


def test_reasons_are_listed(bvinv):
    said = bvinv("stock reason list").stdout.splitlines()
    assert said[0].split() == ["code", "name", "corrects", "active"]
    assert said[1].split() == ["damaged", "Damaged", "in", "the", "house", "false", "true"]
    assert len(said) == 20


def test_a_reason_is_added_and_given(bvinv):
    row = bvinv(f"{ADD} --corrects -f json").json
    assert row == {"code": "mice", "name": "Eaten", "corrects": True, "active": True}
    assert bvinv("stock adjust HX-1 -w MAIN --change -1 --reason mice").exit_code == 0
    assert bvinv("stock reason rename mice --name 'Eaten by mice'").stdout.endswith(
        "name      Eaten by mice\ncorrects  true\nactive    true\n"
    )


def test_a_retired_reason_is_not_given_and_not_listed(bvinv):
    bvinv("stock reason retire theft")
    codes = [row["code"] for row in bvinv("stock reason list -f json").json]
    every = [row["code"] for row in bvinv("stock reason list --all -f json").json]
    assert ("theft" in codes, "theft" in every) == (False, True)
    assert_refused(
        bvinv,
        "stock adjust HX-1 -w MAIN --change -1 --reason theft",
        2,
        "the reason theft is retired",
        "see: bvinv stock reason list, or bring it back: bvinv stock reason restore theft",
    )
    assert bvinv("stock reason restore theft -f json").json["active"] is True
    assert bvinv("stock adjust HX-1 -w MAIN --change -1 --reason theft").exit_code == 0


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        ("stock reason add Lost --name x", 4, "there is a reason lost already", None),
        ("stock reason add mice --name ''", 2, "the name is empty", None),
        (
            "stock reason add mice",
            2,
            "Missing option '--name'.",
            "see: bvinv stock reason add --help",
        ),
        (
            "stock reason retire mice",
            3,
            "there is no reason mice",
            "see: bvinv stock reason list --all",
        ),
        (
            "stock adjust HX-1 -w MAIN --change -1 --reason mice",
            2,
            "there is no reason 'mice'",
            "see: bvinv stock reason list, or add it: bvinv stock reason add",
        ),
    ],
)
def test_what_is_no_reason(bvinv, line, code, detail, hint):
    assert_refused(bvinv, line, code, detail, hint)


def test_a_reason_can_be_tried_and_repeated(bvinv):
    assert assert_only_tried(bvinv, ADD)["code"] == "mice"
    assert assert_only_tried(bvinv, "stock reason retire lost")["active"] is False
    assert_replays(bvinv, ADD, "stock reason add rats --name Eaten")


def test_a_file_with_an_unknown_reason_is_rejected_row_by_row(bvinv, tmp_path):
    (tmp_path / "s.csv").write_text(
        "sku,warehouse,quantity,reason\nHX-1,MAIN,-1,mice\nHX-1,MAIN,-1,lost\n"
    )
    ran = bvinv("stock import s.csv --rejects refused.csv")
    assert ran.exit_code == 7
    assert "there is no reason mice" in (tmp_path / "refused.csv").read_text()
    assert bvinv.level("HX-1", "MAIN")[0] == 9
