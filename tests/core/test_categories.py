"""Categories: the shelves of the catalogue."""

from contextlib import closing
from threading import Barrier, Thread

import pytest

from bvinv.core import catalog, categories, command_log
from bvinv.core.db import Database
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.replenishment import calendar
from tests.books import act, ask, events, fetch, snapshot
from tests.demand_books import entry, put


def add(database, slug, **more):
    return act(database, lambda s: categories.add(s, slug=slug, **more))


def test_a_category_is_known_by_its_slug_and_its_name(database):
    row = add(database, "Young Adult")
    child = add(database, "dystopia", name="Dystopia", parent="young-adult")

    assert (row.slug, row.name, row.parent, row.products) == ("young-adult", "Young Adult", None, 0)
    assert (child.slug, child.parent) == ("dystopia", "young-adult")
    assert ask(database, lambda s: categories.known(s, "YOUNG ADULT")).slug == "young-adult"
    assert events(database) == [
        ("category.created", "young-adult"),
        ("category.created", "dystopia"),
    ]


def move(database, slug, parent):
    return act(database, lambda s: categories.move(s, slug=slug, parent=parent))


def rename(database, slug, name):
    return act(database, lambda s: categories.rename(s, slug=slug, name=name))


def delete(database, slug):
    return act(database, lambda s: categories.delete(s, slug=slug))


def show(database, slug):
    return ask(database, lambda s: categories.show(s, slug=slug))


def tree(database):
    """Return slug, depth, own products and total of each category, in order."""
    rows = ask(database, categories.categories)
    return [(row.slug, row.depth, row.products, row.total) for row in rows]


def listed(database, category):
    rows, _ = ask(database, lambda s: catalog.products(s, category=category))
    return [row.sku for row in rows]


def refused(database, error, said, action):
    before = snapshot(database)
    with pytest.raises(error) as found:
        action()
    assert found.value.detail == said
    assert snapshot(database) == before
    return found.value


@pytest.fixture
def grown(database):
    """Return fiction > (novel > (novella), poetry) with a product each, fiction-a, and history."""
    for slug, parent in {
        "fiction": None,
        "poetry": "fiction",
        "novel": "fiction",
        "novella": "novel",
        "history": None,
        "fiction-a": None,
    }.items():
        add(database, slug, parent=parent)
    for place, slug in enumerate(("fiction", "novel", "novella", "novella", "poetry")):
        fields = {"sku": f"P-{place}", "title": "T", "category": slug}
        act(database, lambda s, f=fields: catalog.add(s, fields=f))
    return database


TREE = [
    ("fiction", 0, 1, 5),
    ("novel", 1, 1, 3),
    ("novella", 2, 2, 2),
    ("poetry", 1, 1, 1),
    ("fiction-a", 0, 0, 0),
    ("history", 0, 0, 0),
]


def test_categories_are_a_tree_and_count_what_is_below_them(grown):
    assert tree(grown) == TREE
    assert listed(grown, "novel") == ["P-1", "P-2", "P-3"]
    assert listed(grown, "Fiction") == ["P-0", "P-1", "P-2", "P-3", "P-4"]
    assert listed(grown, "history") == []


def test_a_category_is_shown_with_what_is_around_it(grown):
    row = show(grown, "novel")

    assert (row.slug, row.parent, row.products, row.total, row.depth) == (
        *("novel", "fiction", 1, 3, 1),
    )
    assert row.path == ["fiction", "novel"]
    assert [(one.slug, one.parent, one.total, one.depth) for one in row.children] == [
        ("novella", "novel", 2, 2)
    ]
    assert [one.slug for one in show(grown, "fiction").children] == ["novel", "poetry"]


def test_a_category_moves_with_everything_below_it(grown):
    row = move(grown, "novel", "history")

    assert (row.parent, row.depth, row.total) == ("history", 1, 3)
    assert tree(grown) == [
        ("fiction", 0, 1, 2),
        ("poetry", 1, 1, 1),
        ("fiction-a", 0, 0, 0),
        ("history", 0, 0, 3),
        ("novel", 1, 1, 3),
        ("novella", 2, 2, 2),
    ]
    assert move(grown, "novel", None).depth == 0
    assert events(grown)[-2:] == [("category.moved", "novel"), ("category.moved", "novel")]
    assert fetch(grown, "SELECT data FROM event ORDER BY id")[-2:] == [
        ('{"parent":"history","old_parent":"fiction"}',),
        ('{"parent":null,"old_parent":"history"}',),
    ]


def test_a_category_that_stays_where_it_is_changes_nothing(grown):
    before = snapshot(grown)

    assert move(grown, "novel", "fiction").parent == "fiction"
    assert move(grown, "fiction", None).parent is None
    assert rename(grown, "novel", "novel").name == "novel"

    assert snapshot(grown) == before


@pytest.mark.parametrize(
    ("slug", "parent", "said"),
    [
        ("novel", "novel", "novel cannot be below itself"),
        ("novel", "novella", "novel cannot be below novella, which is below novel"),
        ("fiction", "novella", "fiction cannot be below novella, which is below fiction"),
    ],
)
def test_a_category_is_never_below_itself(grown, slug, parent, said):
    refused(grown, Conflict, said, lambda: move(grown, slug, parent))


def test_a_category_moves_only_to_one_that_is_there(grown):
    refused(grown, NotFound, "there is no category x", lambda: move(grown, "novel", "x"))
    refused(grown, NotFound, "there is no category x", lambda: move(grown, "x", "novel"))


def test_the_database_itself_refuses_a_circle(grown):
    before = snapshot(grown)

    with pytest.raises(Exception, match="a category cannot be below itself"):  # noqa: SIM117
        with grown.write(command_log.command("x", actor="x")) as session:
            session.wire.exec_driver_sql(
                "UPDATE category SET parent_id = (SELECT id FROM category WHERE slug = 'novella') "
                "WHERE slug = 'fiction'"
            )

    assert snapshot(grown) == before


def test_moves_at_once_make_no_circle(where, database):
    for slug in "abcd":
        add(database, slug)
    move(database, "b", "a")
    move(database, "d", "c")
    ended = []

    def mover(slug, parent, start):
        with closing(Database(where)) as mine:
            mine.engine  # noqa: B018 - connected before the race begins
            start.wait(10)
            try:
                move(mine, slug, parent)
                ended.append("moved")
            except Conflict:
                ended.append("refused")

    for _ in range(10):
        move(database, "a", None)
        move(database, "c", None)
        ended.clear()
        start = Barrier(2)
        movers = [Thread(target=mover, args=(*one, start)) for one in (("a", "d"), ("c", "b"))]
        for one in movers:
            one.start()
        for one in movers:
            one.join(30)
        assert sorted(ended) == ["moved", "refused"]
        assert len(tree(database)) == 4


def test_a_category_gets_another_name_and_keeps_its_slug(grown):
    row = rename(grown, "novel", " Novels & more ")

    assert (row.slug, row.name, row.total) == ("novel", "Novels & more", 3)
    assert events(grown)[-1] == ("category.renamed", "novel")
    refused(grown, InvalidInput, "the name is empty", lambda: rename(grown, "novel", ""))
    refused(grown, NotFound, "there is no category x", lambda: rename(grown, "x", "y"))


def test_only_an_empty_category_is_deleted(grown):
    found = refused(
        grown,
        Conflict,
        "novel still has 1 product and 1 category below it",
        lambda: delete(grown, "novel"),
    )
    assert found.hint == "for example: bvinv products category move novella --top"
    found = refused(
        grown, Conflict, "novella still has 2 products", lambda: delete(grown, "novella")
    )
    assert found.hint == "see: bvinv products list --category novella"

    row = delete(grown, "history")

    assert (row.slug, row.total) == ("history", 0)
    assert events(grown)[-1] == ("category.deleted", "history")
    assert [slug for slug, *_ in tree(grown)] == [slug for slug, *_ in TREE if slug != "history"]


def test_a_category_in_the_calendar_is_not_deleted(grown):
    number = entry(grown, 20260301, 20260307, percent=150, category="history").id
    found = refused(
        grown, Conflict, "the calendar says something of history", lambda: delete(grown, "history")
    )
    assert found.hint == f"first: bvinv forecast calendar remove {number}"

    act(grown, lambda s: calendar.remove(s, number=number))

    assert delete(grown, "history").slug == "history"


def test_the_service_level_of_a_category_goes_with_it(grown):
    numbers = dict(fetch(grown, "SELECT slug, id FROM category"))
    for slug in ("history", "novel"):
        target = {"scope": "category", "subject": numbers[slug], "level": 9500, "kind": "cycle"}
        put(grown, "service_target", target | {"updated_at": 0})

    delete(grown, "history")

    assert fetch(grown, "SELECT subject FROM service_target") == [(numbers["novel"],)]


def test_categories_do_not_go_down_for_ever(database):
    for depth in range(categories.DEEPEST):
        add(database, f"c-{depth}", parent=f"c-{depth - 1}" if depth else None)
    add(database, "top")

    last = f"c-{categories.DEEPEST - 1}"
    said = "categories cannot be more than 32 deep"
    refused(database, Conflict, said, lambda: add(database, "more", parent=last))
    refused(database, Conflict, said, lambda: move(database, "top", last))
    refused(database, Conflict, said, lambda: move(database, "c-0", "top"))


def test_a_slug_that_is_taken_is_refused(database):
    add(database, "a")
    before = snapshot(database)

    with pytest.raises(Conflict, match="there is a category a already"):
        add(database, "A!")

    assert snapshot(database) == before


def test_a_parent_has_to_be_there(database):
    with pytest.raises(NotFound, match="there is no category b") as refused:
        add(database, "a", parent="b")

    assert refused.value.hint == "run: bvinv products category add b"


@pytest.mark.parametrize("slug", ["", "!!!", "日本", "a\0b", "x" * 101])
def test_a_slug_needs_letters(database, slug):
    before = snapshot(database)

    with pytest.raises(InvalidInput):
        add(database, slug)

    assert snapshot(database) == before
