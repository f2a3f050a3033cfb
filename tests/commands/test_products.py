"""`bvinv products`: what it prints, what it refuses."""

import json

import pytest

from tests.commands.shell import HEX, assert_only_tried, assert_refused, assert_replays

PRODUCT = [
    "id",
    "sku",
    "isbn",
    "title",
    "author",
    "description",
    "category",
    "price",
    "currency",
    "status",
    "publication_date",
    "rating",
    "popularity",
    "image_url",
    "attributes",
    "variant_of",
    "options",
    "version",
    "created_at",
    "updated_at",
]
IMPORT = ["rows", "created", "updated", "skipped", "rejected", "rejects_file", "seconds"]
NO_PRODUCT = ("there is no product 'HX-9'", "see: bvinv products list")


@pytest.mark.parametrize("ref", ["HX-1", "hx-1", "0-14-143951-3", HEX["isbn"], HEX["barcode"]])
def test_a_product_is_found_by_any_of_its_names(bvinv, ref):
    row = bvinv(f"products show {ref} --format json").json

    assert list(row)[: len(PRODUCT)] == PRODUCT
    assert {key: row[key] for key in ("sku", "isbn", "price", "currency", "barcodes")} == {
        "sku": "HX-1",
        "isbn": "9780141439518",
        "price": "12.99",
        "currency": "GBP",
        "barcodes": [{"code": "5012345678900", "pack_quantity": 1}],
    }


def test_a_product_is_added_with_everything(bvinv):
    bvinv("products category add poetry --name Poetry")

    row = bvinv(
        "products add HX-4 --title 'Hex, signed' --isbn 0198534531 --author Ann --price 5"
        " --currency jpy --category Poetry --status draft --publication-date 1997-06"
        " --rating 4.5 --image-url https://example.com/x.png --attribute format=hardback"
        " --attribute pages=32 --variant-of HX-1 --option size=L --barcode 111 --barcode 222=12"
        " --description 'A book.' --format json"
    ).json

    assert {key: row[key] for key in PRODUCT[1:-2]} == {
        "sku": "HX-4",
        "isbn": "9780198534532",
        "title": "Hex, signed",
        "author": "Ann",
        "description": "A book.",
        "category": "poetry",
        "price": "5",
        "currency": "JPY",
        "status": "draft",
        "publication_date": "1997-06",
        "rating": 4.5,
        "popularity": 0,
        "image_url": "https://example.com/x.png",
        "attributes": {"format": "hardback", "pages": 32},
        "variant_of": "HX-1",
        "options": {"size": "L"},
        "version": 1,
    }
    assert row["barcodes"] == [
        {"code": "111", "pack_quantity": 1},
        {"code": "222", "pack_quantity": 12},
    ]


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        (
            "HX-1 --title x",
            4,
            "the SKU HX-1 belongs to HX-1 already",
            "see: bvinv products show HX-1",
        ),
        (
            "hx-1 --title x",
            4,
            "the SKU HX-1 belongs to HX-1 already",
            "see: bvinv products show HX-1",
        ),
        (
            "HX-4 --title x --isbn 0141439513",
            4,
            "the ISBN 9780141439518 belongs to HX-1 already",
            "see: bvinv products show HX-1",
        ),
        (
            "HX-4 --title x --barcode 5012345678900",
            4,
            "the barcode 5012345678900 belongs to HX-1 already",
            "see: bvinv products show HX-1",
        ),
        ("HX-4 --title ''", 2, "a product needs a title", None),
        ("'' --title x", 2, "a product needs a sku", None),
        ("HX-4", 2, "Missing option '--title'.", "see: bvinv products add --help"),
        (
            "A=B --title x",
            2,
            "the SKU may not contain '=' or ',': 'A=B'",
            "order lines are written SKU=QTY, with commas between them",
        ),
        (
            "HX-4 --title x --isbn 9780141439519",
            2,
            "'9780141439519' is not an ISBN: its check digit is 9 and should be 8",
            None,
        ),
        (
            "HX-4 --title x --price 1.999",
            2,
            "'1.999' has more decimals than USD, which has 2",
            None,
        ),
        (
            "HX-4 --title x --price 12,99",
            2,
            "'12,99' is not an amount of money in USD",
            "write it like 12.99, with a point before the decimals and nothing between the"
            " thousands",
        ),
        (
            "HX-4 --title x --price -1",
            2,
            "'-1' is not an amount of money in USD",
            "write it like 12.99; an amount cannot be negative",
        ),
        (
            "HX-4 --title x --price £1",
            2,
            "'£1' is not an amount of money in USD",
            "write it like 12.99; the currency is named apart, so leave its sign out",
        ),
        (
            "HX-4 --title x --price 1 --currency XYZ",
            2,
            "'XYZ' is not a currency",
            "write an ISO 4217 code, for example GBP",
        ),
        ("HX-4 --title x --currency GBP", 2, "a currency needs a price beside it", None),
        (
            "HX-4 --title x --publication-date 2026-02-30",
            2,
            "'2026-02-30' is not a date: 2026-02 has the days 01 to 28",
            "write YYYY, YYYY-MM or YYYY-MM-DD, for example 1999-05; -0750 is the year 751 BCE",
        ),
        (
            "HX-4 --title x --rating 5.1",
            2,
            "the rating must be from 0 to 5 with two decimals at most, not '5.1'",
            None,
        ),
        (
            "HX-4 --title x --status new",
            2,
            "the status is one of draft, active, discontinued, not 'new'",
            None,
        ),
        (
            "HX-4 --title x --image-url ftp://x/y",
            2,
            "the image URL must begin with https://, not 'ftp://x/y'",
            None,
        ),
        (
            "HX-4 --title x --attribute pages",
            2,
            "attributes are written NAME=VALUE, not 'pages'",
            None,
        ),
        (
            "HX-4 --title x --category nope",
            3,
            "there is no category nope",
            "run: bvinv products category add nope",
        ),
        ("HX-4 --title x --variant-of HX-9", 3, *NO_PRODUCT),
    ],
)
def test_what_is_no_product(bvinv, line, code, detail, hint):
    assert_refused(bvinv, f"products add {line}", code, detail, hint)


def test_products_are_listed_page_by_page(bvinv):
    ran = bvinv("products list --limit 2")
    assert ran.stdout == (
        "sku   isbn           title      author      price  status\n"
        "HX-1  9780141439518  Hex        Ann Author  12.99  active\n"
        "HX-2                 Book HX-2                     active\n"
    )
    assert ran.stderr.startswith("more: --after ")
    rest = bvinv("products list --format json --after", ran.stderr.split()[-1])
    assert [row["sku"] for row in rest.json] == ["HX-3"]
    by_price = bvinv("products list --sort -price --format json").json
    assert [row["sku"] for row in by_price] == ["HX-1", "HX-3", "HX-2"]
    assert [row["sku"] for row in bvinv("products list --author ann -f json").json] == ["HX-1"]
    assert bvinv("products list --status draft") == (0, "", "")
    assert bvinv("products list --status draft -f csv").stdout.split(",")[:20] == PRODUCT


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        ("show HX-9", 3, *NO_PRODUCT),
        ("update HX-9 --title x", 3, *NO_PRODUCT),
        ("delete HX-9", 3, *NO_PRODUCT),
        ("update HX-1", 2, "nothing to change", "for example: --price 14.50"),
        ("update HX-1 --title ''", 2, "a product needs a title", None),
        (
            "update HX-2 --isbn 0141439513",
            4,
            "the ISBN 9780141439518 belongs to HX-1 already",
            "see: bvinv products show HX-1",
        ),
        (
            "delete HX-1",
            4,
            "HX-1 still has 10 pieces in stock",
            "see: bvinv stock show HX-1",
        ),
        (
            "list --sort luck",
            2,
            "products are sorted by sku, title, author, price, rating, publication-date,"
            " popularity, created, not 'luck'",
            None,
        ),
        ("list --after x", 2, "the cursor is not one that this list and sort gave out", None),
        (
            "list --category nope",
            3,
            "there is no category nope",
            "run: bvinv products category add nope",
        ),
        ("category add ''", 2, "the category is empty", None),
        ("category move nope", 2, "say where to", "either --parent SLUG or --top"),
        ("category move nope --top --parent x", 2, "say where to", "either --parent SLUG or --top"),
        *(
            (
                f"category {line}",
                3,
                "there is no category nope",
                "run: bvinv products category add nope",
            )
            for line in ("move nope --top", "rename nope x", "delete nope", "show nope")
        ),
        ("image check", 2, "say which products", "either REF… or --all"),
        ("image check HX-1 --all", 2, "say which products", "either REF… or --all"),
        ("image check HX-9", 3, *NO_PRODUCT),
        (
            "image check HX-1",
            4,
            "HX-1 has no image URL",
            "give it one: bvinv products update HX-1 --image-url URL",
        ),
        (
            "update HX-1 --status draft",
            4,
            "HX-1 was published, so it cannot be a draft again",
            "take it off: bvinv products update HX-1 --status discontinued",
        ),
        (
            "category add a --parent nope",
            3,
            "there is no category nope",
            "run: bvinv products category add nope",
        ),
    ],
)
def test_refusals_change_nothing(bvinv, line, code, detail, hint):
    assert_refused(bvinv, f"products {line}", code, detail, hint)


def test_an_update_changes_what_it_names(bvinv):
    row = bvinv("products update hx-1 --rating 4.5 --author '' --format json").json

    assert (row["rating"], row["author"], row["version"]) == (4.5, "", 2)
    assert (row["title"], row["price"], row["currency"]) == ("Hex", "12.99", "GBP")


def test_an_update_of_another_version_is_a_conflict_that_http_calls_a_failed_precondition(bvinv):
    refused = bvinv("products update HX-1 --title x --expect-version 7 --format json")

    problem = json.loads(refused.stderr)
    assert refused.exit_code == 4
    assert (problem["code"], problem["status"]) == ("conflict", 412)
    assert problem["detail"] == "HX-1 is at version 1, not 7"
    assert problem["hint"] == "look at it again, then repeat the change"
    assert bvinv("products show HX-1 --format json").json["title"] == "Hex"


def test_attributes_are_merged(bvinv):
    bvinv("products update HX-1 --attribute pages=320 --attribute colour=red --barcode 77=12")

    row = bvinv("products update HX-1 --attribute colour= --attribute 'note=a;b' -f json").json
    assert row["attributes"] == {"pages": 320, "note": "a;b"}
    assert row["barcodes"] == [{"code": "77", "pack_quantity": 12}]
    assert bvinv("products update HX-1 --attribute '' -f json").json["attributes"] == {}


def test_a_product_is_shown_with_its_variants_and_its_text(bvinv):
    bvinv("products add HX-1-L --title 'Hex, large' --variant-of HX-1 --option size=L --price 9")
    bvinv("products update HX-1 --description 'A *book*.'")

    row = bvinv("products show HX-1 --format json").json

    assert list(row)[: len(PRODUCT)] == PRODUCT
    assert (row["available"], row["image_check"]) == (10, None)
    assert (row["description"], row["description_html"]) == (
        "A *book*.",
        "<p>A <em>book</em>.</p>\n",
    )
    assert row["variants"] == [
        {
            "sku": "HX-1-L",
            "variant_of": "HX-1",
            "options": {"size": "L"},
            "price": "9.00",
            "currency": "USD",
            "status": "active",
            "available": 0,
        }
    ]
    text = bvinv("products show HX-1").stdout
    assert "A *book*." in text
    assert "description_html" not in text
    assert text.endswith(
        "\n"
        "variants:\n"
        "sku     variant_of  options       price  currency  status  available\n"
        'HX-1-L  HX-1        {"size":"L"}   9.00  USD       active          0\n'
    )
    assert bvinv("products show HX-1-L -f json").json["variant_of"] == "HX-1"


def test_images_are_checked(bvinv, monkeypatch):
    for ref, host in (("HX-1", "img.example.com"), ("HX-2", "example.org")):
        bvinv(f"products update {ref} --image-url https://{host}/1.png")
    monkeypatch.setenv("BVINV_IMAGE_HOSTS", ".example.com")

    ran = bvinv("products image check --all")

    assert ran.exit_code == 7
    assert [line.split(maxsplit=4) for line in ran.stdout.splitlines()] == [
        ["sku", "state", "content_type", "bytes", "url                            detail"],
        ["HX-1", "allowed", "0", "https://img.example.com/1.png"],
        [
            *("HX-2", "refused", "0", "https://example.org/1.png"),
            "example.org is not one of the hosts that are allowed",
        ],
    ]
    assert ran.stderr == (
        "error[partial]: 1 of 2 images are refused or failed\n"
        "  HX-2: example.org is not one of the hosts that are allowed\n"
    )
    found = bvinv("products show HX-1 -f json").json["image_check"]
    assert (found["state"], found["detail"]) == ("allowed", "")
    again = bvinv("products image check HX-1 --key K -f json").json
    assert bvinv("products image check HX-1 --key K -f json").json == [
        row | {"replayed": True} for row in again
    ]


def test_an_image_host_that_is_none_is_refused(bvinv, monkeypatch):
    bvinv("products update HX-1 --image-url https://example.com/1.png")
    monkeypatch.setenv("BVINV_IMAGE_HOSTS", "localhost")

    assert_refused(
        bvinv,
        "products image check HX-1",
        2,
        "'localhost' is not a name on the public Internet",
        "BVINV_IMAGE_HOSTS names hosts with commas between them: img.example.com,.example.org",
    )


def test_a_product_without_history_is_deleted(bvinv):
    ran = bvinv("products delete HX-3")
    assert (ran.exit_code, ran.stderr) == (0, "deleted\n")
    assert bvinv("products show HX-3").exit_code == 3


def test_a_product_with_history_is_discontinued(bvinv):
    bvinv("stock adjust HX-1 -w MAIN --change -10 --reason sample")

    ran = bvinv("products delete HX-1 --format json")
    assert ran.json["status"] == "discontinued"
    assert ran.stderr == "discontinued: it has history, which is never deleted\n"
    assert bvinv("products show HX-1").exit_code == 0


def test_categories_are_a_tree(bvinv):
    bvinv("products category add poetry --name Poetry")
    bvinv("products category add haiku --parent poetry")

    bvinv("products add P-1 --title x --category haiku")
    bvinv("products category add tanka")

    assert bvinv("products category list").stdout == (
        "name     slug    products  total\n"
        "Poetry   poetry         0      1\n"
        "  haiku  haiku          1      1\n"
        "tanka    tanka          0      0\n"
    )
    row = bvinv("products category move tanka --parent Poetry --format json").json
    assert row == {
        "slug": "tanka",
        "name": "tanka",
        "parent": "poetry",
        "products": 0,
        "total": 0,
        "depth": 1,
    }
    assert bvinv("products category rename haiku Haiku -f json").json["name"] == "Haiku"
    shown = bvinv("products category show poetry -f json").json
    assert (shown["path"], shown["total"]) == (["poetry"], 1)
    assert [child["slug"] for child in shown["children"]] == ["haiku", "tanka"]
    assert bvinv("products list --category poetry").stdout.splitlines()[1].startswith("P-1 ")
    assert bvinv("products category delete tanka").stderr == "deleted\n"
    assert bvinv("products category list -f csv").stdout == (
        "slug,name,parent,products,total,depth\npoetry,Poetry,,0,1,0\nhaiku,Haiku,poetry,1,1,1\n"
    )
    assert_refused(
        bvinv, "products category add Poetry", 4, "there is a category poetry already", None
    )


@pytest.mark.parametrize(
    "line",
    [
        "add HX-4 --title x",
        "update HX-1 --title x",
        "delete HX-3",
        "category add poetry",
        "update HX-1 --attribute pages=3 --barcode 1=2",
    ],
)
def test_a_dry_run_only_tells(bvinv, line):
    assert assert_only_tried(bvinv, f"products {line}")["changes"] == []


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("add HX-4 --title x", "add HX-4 --title y"),
        ("update HX-1 --title x", "update HX-1 --title y"),
        ("delete HX-3", "delete HX-2"),
        ("category add poetry", "category add prose"),
        ("update HX-1 --attribute a=1", "update HX-1 --attribute a=2"),
    ],
)
def test_a_key_makes_repeating_harmless(bvinv, line, other):
    assert_replays(bvinv, f"products {line}", f"products {other}")


CSV = "sku,title,isbn,price,currency\nHX-1,Hex,9780141439518,12.99,GBP\nHX-5,Five,,5.00,GBP\n"


def test_products_are_imported(bvinv, tmp_path):
    (tmp_path / "books.csv").write_text(CSV)

    ran = bvinv("products import books.csv --format json")

    assert list(ran.json)[: len(IMPORT)] == IMPORT
    assert [ran.json[key] for key in IMPORT[:6]] == [2, 1, 0, 1, 0, None]
    assert ran.stderr == ""
    assert bvinv("products show HX-5 -f json").json["price"] == "5.00"


def test_an_import_reads_stdin_and_json_lines(bvinv):
    lines = json.dumps({"sku": "HX-6", "title": "Six"}) + "\n"

    row = bvinv("products import -", stdin=lines)

    assert [line.split() for line in row.stdout.splitlines()[:5]] == [
        ["rows", "1"],
        ["created", "1"],
        ["updated", "0"],
        ["skipped", "0"],
        ["rejected", "0"],
    ]


def test_refused_rows_can_be_mended_and_imported(bvinv, tmp_path):
    rows = "HX-6,Six,9780141439519,,\nHX-7,Seven,,1,GBP\n,None,,,\nHX-8,Eight,,1_0,GBP\n"
    (tmp_path / "books.csv").write_text(CSV.splitlines()[0] + "\n" + rows)

    ran = bvinv("products import books.csv --rejects refused.csv --format json")

    assert ran.exit_code == 7
    assert json.loads(ran.stdout)["rejects_file"] == "refused.csv"
    problem = json.loads(ran.stderr)
    assert (problem["code"], problem["status"], problem["detail"]) == (
        "partial",
        200,
        "3 of 4 rows were rejected",
    )
    assert problem["errors"][0] == {
        "line": 2,
        "code": "invalid-input",
        "field": "isbn",
        "message": "'9780141439519' is not an ISBN: its check digit is 9 and should be 8",
        "detail": "line 2, isbn: "
        "'9780141439519' is not an ISBN: its check digit is 9 and should be 8",
    }
    refused = (tmp_path / "refused.csv").read_text()
    assert refused.splitlines()[0] == CSV.splitlines()[0] + ",error_code,error_field,error_message"
    mended = refused.replace("9519", "9518").replace("1_0", "10").replace("\n,None", "\nHX-9,None")
    (tmp_path / "refused.csv").write_text(mended.replace("9780141439518", ""))
    assert bvinv("products import refused.csv --format json").json["created"] == 3


def test_without_a_rejects_file_the_hint_names_the_option(bvinv):
    ran = bvinv("products import -", stdin="sku,title\nHX-9,\n")

    assert ran.exit_code == 7
    assert ran.stderr == (
        "reading stdin: CSV, UTF-8, comma\n"
        "error[partial]: 1 of 1 rows were rejected\n"
        "  line 2, title: the title is missing\n"
        "hint: use --rejects FILE to keep them\n"
    )


def test_what_is_there_can_be_left_alone(bvinv):
    changed = CSV.replace("12.99", "13.99")
    skipped = bvinv("products import - --on-existing skip -f json", stdin=changed).json
    assert (skipped["created"], skipped["skipped"]) == (1, 1)
    assert bvinv("products show HX-1 -f json").json["price"] == "12.99"
    failed = bvinv("products import - --on-existing fail", stdin=changed)
    assert (failed.exit_code, "2 of 2 rows were rejected" in failed.stderr) == (7, True)
    refused = bvinv("products import - --on-existing x", stdin=changed).refused(2)
    assert "'x' is not one of 'update', 'skip', 'fail'" in refused


def test_columns_can_be_mapped(bvinv):
    text = "code,name,colour\nHX-5,Five,red\n"
    refused = bvinv("products import -", stdin=text).refused(2)
    assert "the file has no column sku" in refused
    line = "products import - --mapping code=sku --mapping colour=- --format json"
    assert bvinv(line, stdin=text).json["created"] == 1
    refused = bvinv("products import - --mapping code", stdin=text).refused(2)
    assert refused == "error[invalid-input]: a mapping is written COL=FIELD, not 'code'\n"


def test_a_dry_import_only_tells(bvinv):
    before = bvinv.dump()

    ran = bvinv("products import - --dry-run --format json", stdin=CSV)

    assert (ran.json["created"], ran.json["dry_run"]) == (1, True)
    assert ran.stderr == "dry run: nothing was changed\n"
    assert bvinv.dump() == before


def test_an_import_replays_its_key(bvinv):
    first = bvinv("products import - --key K --format json", stdin=CSV).json
    before = bvinv.dump()

    again = bvinv("products import - --key K --format json", stdin=CSV).json

    assert again == first | {"replayed": True}
    other = bvinv("products import - --key K --on-existing skip", stdin=CSV).refused(4)
    assert other.startswith("error[conflict]: the key K was used for another request\n")
    assert bvinv.dump() == before


def test_an_export_is_what_an_import_takes(bvinv, tmp_path):
    ran = bvinv("products export books.csv")

    assert (ran.exit_code, ran.stdout) == (0, "")
    assert ran.stderr.startswith("3 products exported\nnext: --since ")
    printed = bvinv("products export")
    assert printed.stdout == (tmp_path / "books.csv").read_text()
    assert bvinv("products import books.csv -f json").json["skipped"] == 3
    lines = bvinv("products export --format jsonl").stdout.splitlines()
    assert [json.loads(line)["sku"] for line in lines] == ["HX-1", "HX-2", "HX-3"]


def test_an_export_that_cannot_be_written_is_refused(bvinv, tmp_path):
    said = bvinv("products export nowhere/books.csv").refused(2)
    assert said == (
        "error[invalid-input]: 'nowhere/books.csv' cannot be written: No such file or directory\n"
    )


@pytest.mark.parametrize("name", [".", "x" * 300])
def test_no_export_takes_the_name_of_a_folder_or_one_that_is_too_long(bvinv, tmp_path, name):
    before = sorted(tmp_path.iterdir())
    assert "cannot be written: " in bvinv(f"products export {name}").refused(2)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("rejects", [".", "nowhere/r.csv", "x" * 300])
def test_rejects_that_cannot_be_written_are_refused_before_anything_is_changed(bvinv, rejects):
    before = bvinv.dump()
    said = bvinv(f"products import - --rejects {rejects}", stdin=CSV + ",,,,\nX,,,,\n").refused(2)
    assert said.startswith("error[invalid-input]: the rejects cannot be written to ")
    assert bvinv.dump() == before
