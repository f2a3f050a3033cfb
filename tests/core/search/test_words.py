"""Words: how text is taken apart, and that any text can be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core.search import words as search_text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Stand", ["the", "stand"]),
        ("Brontë, Émile", ["bronte", "emile"]),
        ("O'Brien O’Brien OBrien", ["obrien", "obrien", "obrien"]),
        ("C++ and C# on .NET, F#", ["c++", "and", "c#", "on", ".net", "f#"]),
        ("end. Next... .5 1+1", ["end", "next", "5", "1", "1"]),
        ("Spider-Man", ["spider", "man"]),
        ("Straße ﬁn Łódź Ægir", ["strasse", "fin", "lodz", "aegir"]),
        ("Ἀχιλλεύς", ["αχιλλευσ"]),
        ("Война и мир", ["воина", "и", "мир"]),
        ("村上春樹", ["村", "上", "春", "樹"]),
        ("كِتَاب أحمد", ["كتاب", "احمد"]),
        ("हिन्दी", ["हिन्दी"]),
        ("서울", ["서울"]),
        ("😀 ☃ \x00 \ud800 _", []),
    ],
)
def test_text_is_taken_apart(text, words):
    assert search_text.words(text) == words


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("Spider-Man", ["spiderman"]),
        ("Spider–Man", ["spiderman"]),
        ("“Don’t” — she said…", []),
        ("20,000 Leagues", ["20000"]),
        ("J.R.R. Tolkien", ["jrr"]),
        ("J. K. Rowling", ["jk"]),
        ("C++", ["c"]),
        (".NET", ["net"]),
        ("plain words", []),
    ],
)
def test_other_ways_to_write_a_word_follow_the_words(text, more):
    said, alone = search_text.indexed(text)

    assert said.split() == alone.split() + more


def test_a_query_is_taken_apart_at_its_spaces_and_quotation_marks():
    found = search_text.chunks('spider-man "the stand" 5" 村上')

    assert [(one.words, one.joined, one.is_phrase) for one in found] == [
        (["spider", "man"], "spiderman", False),
        (["the", "stand"], "", True),
        (["5"], "", False),
        (["村", "上"], "", True),
    ]


def test_only_the_beginning_of_a_long_query_counts():
    found = search_text.chunks("word " * 12_000)

    assert sum(len(one.words) for one in found) == search_text.MOST_WORDS


@given(st.text())
def test_any_text_is_words(text):
    said, alone = search_text.indexed(text)

    assert alone.split() == search_text.words(text)
    said.encode()
    assert search_text.prose(text).split()[: len(alone.split())] == alone.split()
    search_text.chunks(text)


def test_a_long_text_is_read_in_time_that_grows_with_it():
    said, _ = search_text.indexed("well-known J.R.R. " * 5000)

    assert said.split()[-2:] == ["wellknown", "jrr"]
