"""Entity tags, compression and heads of answers. Sources: RFC 9110, 8.8.3, 12.5.3 and 13.1.2."""

import gzip

import pytest

from bvinv.web import answers
from bvinv.web.answers import Answer

LARGE = {"title": "The same again and again. " * 100}


def fitted(answer: Answer, **asked: str) -> tuple[Answer, dict[str, str]]:
    """Return the answer that fits the request, and its head."""
    head = {name.replace("_", "-").encode(): value.encode() for name, value in asked.items()}
    found = answers.fitted(answer, head, reads=True)
    said = {name.decode(): value.decode() for name, value in answers.head(found, [])}
    return found, said


def tag(answer: Answer, **asked: str) -> str:
    return fitted(answer, **asked)[1]["etag"]


def test_a_tag_is_strong_begins_with_the_version_and_moves_with_the_body():
    assert tag(answers.of({"a": 1}, tag="7")).startswith('"7-')
    assert tag(answers.of({"a": 1})) == tag(answers.of({"a": 1}))
    assert tag(answers.of({"a": 1})) != tag(answers.of({"a": 2}))


@pytest.mark.parametrize(
    ("said", "is_known"),
    [
        ("{tag}", True),
        ("W/{tag}", True),
        ('"other", {tag}', True),
        (' W/"x" ,W/{tag} , "y"', True),
        ("*", True),
        (" * ", True),
        ('"other"', False),
        ("", False),
        ("w/{tag}", False),
        ("{tag}x", False),
        ("x" * 10_000, False),
        (", " * 5_000, False),
    ],
)
def test_what_the_client_has_already_is_not_sent_again(said, is_known):
    answer = answers.of({"a": 1}, tag="7")
    mine = tag(answer)

    found, head = fitted(answer, if_none_match=said.format(tag=mine))

    assert found.status == (304 if is_known else 200)
    assert head["etag"] == mine
    assert head["cache-control"] == "private, no-cache"
    assert head["vary"] == "Authorization, X-API-Key, Accept-Encoding"
    if is_known:
        assert found.body == b""
        assert not {"content-type", "content-length"} & head.keys()


def test_a_compressed_answer_is_another_representation_with_a_tag_of_its_own():
    answer = answers.of(LARGE, tag="7")
    plain = tag(answer)

    found, head = fitted(answer, accept_encoding="br, gzip")

    assert gzip.decompress(found.body) == answer.body
    assert head["content-encoding"] == "gzip"
    assert head["content-length"] == str(len(found.body))
    assert head["etag"] == f'{plain[:-1]}-gzip"'
    again, _ = fitted(answer, accept_encoding="gzip", if_none_match=head["etag"])
    assert again.status == 304
    assert fitted(answer, accept_encoding="gzip", if_none_match=plain)[0].status == 200
    assert fitted(answer, if_none_match=head["etag"])[0].status == 200


@pytest.mark.parametrize(
    ("said", "compresses"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate,gzip;q=0.5", True),
        ("gzip; q=1.0, *;q=0", True),
        ("gzip;q=0", False),
        ("gzip ; q=0.000", False),
        ("br, gzip;Q=0", False),
        ("notgzip", False),
        ("identity", False),
        ("", False),
        ("*", False),
    ],
)
def test_only_who_asks_for_gzip_gets_it(said, compresses):
    _, head = fitted(answers.of(LARGE), accept_encoding=said)
    assert ("content-encoding" in head) == compresses


def test_what_is_small_is_not_compressed():
    found, head = fitted(answers.of({"a": 1}), accept_encoding="gzip")
    assert (found.body, "content-encoding" in head) == (b'{"a":1}', False)


def test_what_may_be_compressed_says_that_it_depends_on_who_asks():
    others = Answer(200, [(b"content-type", b"text/plain")], b"a" * 2_000)
    for asked in ({}, {"accept_encoding": "gzip"}):
        assert fitted(others, **asked)[1]["vary"] == "Accept-Encoding"


def test_of_a_change_nobody_is_told_that_it_was_not_done():
    answer = answers.of({"a": 1})
    assert answers.fitted(answer, {b"if-none-match": b"*"}, reads=False) is not None
    assert answers.fitted(answer, {b"if-none-match": b"*"}, reads=False).status == 200


def test_an_error_is_never_taken_for_something_that_the_client_has():
    answer = Answer(404, [(b"etag", b'"a"')], b"a" * 5_000)
    assert answers.fitted(answer, {b"if-none-match": b"*"}, reads=True) is answer
