"""Terminals that have no letters for bars and frames get signs that they do have."""

import io
import sys

from bvinv import letters, output


def test_bars_and_frames_have_signs_that_every_terminal_has():
    said = "·▁▂▃▄▅▆▇█ │┤└┴─░".encode("ascii", letters.INSTEAD)
    assert said == b"._.-=+*%# ||++-:"


def test_what_has_no_sign_like_it_is_escaped_as_ever():
    assert "é·\U0001f4d6".encode("ascii", letters.INSTEAD) == b"\\xe9.\\U0001f4d6"
    assert "é▁".encode("latin-1", letters.INSTEAD) == b"\xe9_"


def test_results_are_printed_with_them(monkeypatch):
    written = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", written)
    output.show({"recent": "▁█"}, output.Format.plain)
    output.line("│░")
    written.flush()
    assert written.buffer.getvalue() == b"recent  _#\n|:\n"
