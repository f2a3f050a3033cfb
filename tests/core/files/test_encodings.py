"""How the text of a file is written: recognised over all of it, or refused when unsure."""

import codecs
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bvinv.core.errors import InvalidInput
from bvinv.core.files import encodings
from bvinv.core.files.raw import RawFile

ROWS = 10_000
ASCII = [b"sku,title", *(b"B-%d,Title %d" % (number, number) for number in range(1, ROWS))]


def found(content: bytes, wanted: str | None = None) -> encodings.Encoding:
    return encodings.found(RawFile(io.BytesIO(content), "a.csv"), wanted)


def text(content: bytes, wanted: str | None = None) -> str:
    with found(content, wanted).decoded(io.BytesIO(content)) as lines:
        return lines.read()


def refusal(content: bytes, wanted: str | None = None) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        found(content, wanted)
    return caught.value


@pytest.mark.parametrize(
    ("codec", "shown"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("cp1252", "Windows-1252"),
    ],
)
def test_western_text_is_recognised_in_every_encoding(codec, shown):
    content = "sku,title\r\nHX-1,“L’Étranger” – Camus\r\nHX-2,Smörgåsbord à la façon\r\n"
    assert found(content.encode(codec)).shown == shown
    assert text(content.encode(codec)) == content


def test_big_endian_with_a_mark_is_recognised():
    assert text(codecs.BOM_UTF16_BE + "sku,名前".encode("utf-16-be")) == "sku,名前"


def test_latin_1_is_called_windows_1252_which_it_is_a_part_of():
    assert found("sku,título\n1,Niño\n2,Über".encode("latin-1")).shown == "Windows-1252"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")))
def test_whatever_is_utf_8_is_utf_8(content):
    written = ("sku,title\n" + content).encode()
    assert found(written)[:2] == ("utf-8", False)
    assert text(written) == "sku,title\n" + content


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")))
def test_whatever_has_the_mark_of_utf_16_is_utf_16(content):
    assert text(("sku," + content).encode("utf-16")) == "sku," + content


NAMES = st.sampled_from(
    ["Émile Zola", "Brontë", "García Márquez", "Møller", "Straße", "d’été", "50 €", "“Ça”", "½"]
)


@given(st.lists(NAMES, min_size=1))
def test_western_names_in_windows_1252_are_recognised(names):
    content = "sku,title\n" + "\n".join(names)
    assert text(content.encode("cp1252")) == content


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"\xff\xfe", "byte 0xFF is not UTF-8"),
        (b"Ti\xfftle", "byte 0xFF is not UTF-8"),
        (b"\x81", "byte 0x81 is not UTF-8"),
        (b"\xc3(", "byte 0xC3 is not UTF-8"),
        (b"\xed\xa0\x80", "byte 0xED is not UTF-8"),
        (b"\xf0\x9f\x98", "byte 0xF0 is not UTF-8"),
        (b"\xc0\xaf", "byte 0xC0 is not UTF-8"),
        (b"\0", "the row has a NUL byte"),
    ],
)
def test_a_few_lines_that_are_no_text_are_faults_of_these_lines(bad, why):
    content = b"\n".join([*ASCII[:5000], b"X-1," + bad, *ASCII[5000:]])
    encoding = found(content)
    assert encoding[:2] == ("utf-8", True)
    with encoding.decoded(io.BytesIO(content)) as lines:
        faults = {number: encoding.fault(line) for number, line in enumerate(lines, start=1)}
    assert {number: fault for number, fault in faults.items() if fault} == {5001: why}


def test_lines_that_are_no_utf_8_are_faults_where_others_are():
    content = "sku,title\n1,Š\n2,café\n".encode() + b"3,caf\xe9\n"
    encoding = found(content)
    assert encoding[:2] == ("utf-8", True)
    assert encoding.fault(text(content)) == "byte 0xE9 is not UTF-8, 3 lines below"


def test_bytes_that_are_no_text_can_be_written_back():
    content = b"\n".join([*ASCII, b"\xff\xfe,\0"])
    assert text(content).encode("utf-8", "surrogateescape") == content


@pytest.mark.parametrize(
    "content",
    [
        "a,b\nВойна и мир,Толстой\nИдиот,Достоевский".encode("cp1251"),
        "a,b\nВойна и мир,Толстой".encode("koi8-r"),
        "a,b\n红楼梦,曹雪芹\n西游记,吴承恩".encode("gbk"),
        "a,b\nノルウェイの森,村上春樹".encode("shift-jis"),
        "a,b\n1,café\n2,Müller".encode("mac-roman"),
        "a,b\n1,café\n2,Müller".encode("cp437"),
        "a,b\n1,żółć".encode("cp1250"),
        b"a,b\n1,\xff\n",
    ],
)
def test_what_may_be_anything_is_refused_with_its_line_and_a_hint(content):
    error = refusal(content)
    assert error.detail.startswith(
        "it is not clear how a.csv is encoded: line 2 is not UTF-8 (byte 0x"
    )
    assert "--encoding" in str(error.hint)


def test_doubt_beyond_the_first_megabyte_is_found_with_its_line():
    content = b"a,b\n" + b"1,2\n" * 600_000 + b"\xff,\xe9" + b"\n1,\xff" * 10_000
    assert "line 600002 is not UTF-8 (byte 0xFF)" in refusal(content).detail


@pytest.mark.parametrize("codec", ["utf-32", "utf-32-le", "utf-32-be"])
def test_utf_32_is_refused_by_its_name(codec):
    assert refusal("sku,title".encode(codec)).detail == "a.csv seems to be UTF-32 text"


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 4,
        b"\x7fELF" + b"\0" * 500,
        b"\0" * 5000,
        b"ab" + b"\0\1\2" * 99,
        b"a,b\n" * 500_000 + b"\0\1\2\3" * 500_000,
    ],
)
def test_a_binary_file_is_refused(content):
    assert refusal(content).detail == "a.csv seems to be a binary file"


def test_the_end_within_a_character_is_named():
    assert refusal(b"a\ncaf\xc3").detail == "a.csv ends in the middle of a character"
    assert (
        refusal("sku".encode("utf-16") + b"x").detail == "a.csv ends in the middle of a character"
    )


@pytest.mark.parametrize("content", [b"a" * (17 << 20), b"a\n" + b"b" * (17 << 20) + b"\xff"])
def test_a_line_of_more_than_sixteen_megabytes_is_refused(content):
    assert refusal(content).detail == "a.csv has a line of more than 16 MiB"


@pytest.mark.parametrize(
    ("wanted", "byte", "character"),
    [
        ("cp1250", b"\xb3", "ł"),
        ("windows-1252", b"\x93", "“"),
        ("mac-roman", b"\x8e", "é"),
        ("Latin-1", b"\xe9", "é"),
        ("ISO-8859-15", b"\xa4", "€"),
        ("utf8", b"\xc3\xa9", "é"),
        ("gb18030", b"\xba\xec", "红"),
        ("utf-16", b"\xff\xfe\xe9\0", "é"),
        ("utf-16", b"\xe9\0", "é"),
        ("utf-16-be", b"\0\xe9", "é"),
    ],
)
def test_the_encoding_that_is_said_goes_first(wanted, byte, character):
    assert text(byte, wanted) == character


def test_what_the_said_encoding_does_not_have_is_a_fault():
    encoding = found(b"a,b\n1,\x81\n", "cp1252")
    assert encoding.is_dirty
    assert encoding.fault("1,\udc81\n") == "byte 0x81 is not Windows-1252"
    assert found(b"a,b\n1,\xff\n", "utf-8").is_dirty


def test_half_a_surrogate_pair_in_utf_16_is_a_fault():
    content = "a,b\n1,".encode("utf-16-le") + b"\0\xd8"
    encoding = found(content, "utf-16-le")
    assert (
        encoding.fault(text(content, "utf-16-le")) == "0xD800 alone is not UTF-16, one line below"
    )


@pytest.mark.parametrize(
    "wanted", ["hex", "rot13", "nonsense", "idna", "unicode_escape", "utf-32", "utf-7", "a\0b", ""]
)
def test_what_is_no_encoding_for_files_is_refused(wanted):
    if wanted:
        assert "is no encoding that can be read" in refusal(b"a,b", wanted).detail
    else:
        assert found(b"a,b", wanted).shown == "UTF-8"


def test_a_mark_that_belies_the_said_encoding_is_refused():
    assert refusal(codecs.BOM_UTF16_LE + b"a\0", "cp1252").detail == (
        "a.csv begins with the byte order mark of UTF-16, and is said to be Windows-1252"
    )


@pytest.mark.parametrize("wanted", ["cp1252", "utf-16", "ascii", "gb18030", None])
def test_the_mark_of_utf_8_goes_before_what_is_said(wanted):
    assert found(codecs.BOM_UTF8 + "a,é".encode(), wanted).shown == "UTF-8"
