"""Images of products: a look at their URLs, and what it found."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from bvinv.core import command_log, hosts, items, product_fields
from bvinv.core.command_log import Answer, Tale
from bvinv.core.db import Database, Session, Sql
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.models.log import Command
from bvinv.core.models.product import ImageRow

_BATCH = 200  # URLs that are looked at before what was found is written
_AT_ONCE = 8  # fetches, so that one slow server does not hold up the others

_WITH_IMAGE = "SELECT id, sku, image_url AS url FROM product WHERE image_url IS NOT NULL"
_NAMED = Sql(f"{_WITH_IMAGE} AND id IN :ids")
_COUNT = Sql(f"SELECT count(*) AS images FROM ({_WITH_IMAGE}) AS found")
_PAGE = Sql(f"{_WITH_IMAGE} AND id > :after ORDER BY id LIMIT {_BATCH}")
_STORED = Sql("""
    SELECT product_id, url, state, detail, content_type, bytes
      FROM image_check WHERE product_id IN :ids
""")
# A product whose URL has become another one meanwhile, or that is gone, keeps what it has.
_STORE = Sql("""
    INSERT INTO image_check (product_id, url, state, detail, content_type, bytes, checked_at)
    SELECT p.id, p.image_url, :state, :detail, :content_type, :bytes, :now
      FROM product AS p WHERE p.id = :id AND p.image_url = :url
        ON CONFLICT (product_id) DO UPDATE
       SET url = excluded.url, state = excluded.state, detail = excluded.detail
         , content_type = excluded.content_type, bytes = excluded.bytes
         , checked_at = excluded.checked_at
""")


class Picture(NamedTuple):
    """A product's image as it is stored."""

    id: int
    sku: str
    url: str


class Finding(NamedTuple):
    """What a look at a URL found: allowed, refused, fetched or failed, and why."""

    state: str
    detail: str = ""
    content_type: str = ""
    bytes: int = 0


Fetch = Callable[[str], Finding]


def host(address: str) -> str:
    """Return the host of an address that `product_fields.image_url` has let through."""
    return product_fields.beginning(address).removeprefix("https://")


def check(
    database: Database,
    asked: Command,
    *,
    refs: Sequence[str] = (),
    allowed: str = "",
    fetch: Fetch | None = None,
    dry_run: bool = False,
    on_progress: Callable[[int, float], object] = lambda *_: None,
) -> Answer:
    """Look at the images of these products, or of all; keep and return what was found.

    `allowed` lists the hosts that images may come from, see `hosts.listed`. The URLs themselves
    are judged, and fetched with `fetch`; no transaction is open meanwhile. Raises NotFound for a
    product, Conflict for one without an image.
    """
    known = hosts.listed(allowed)
    with database.read() as session:
        stored = command_log.replay(session, asked)
        named = _named(session, refs)
        total = len(named) if refs else session.ask(_COUNT)[0].images
    if stored is not None:
        return Answer(stored, replayed=True, changes=[])
    rows: list[ImageRow] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for batch in [named] if refs else _all(database):
            # A fetch is not done again when others have changed the same rows meanwhile.
            mapped = pool.map if fetch else map
            found = mapped(lambda one: look(one.url, known, fetch), batch)
            store = partial(_store, pairs=list(zip(batch, found, strict=True)))
            part = command_log.command(asked.name, actor=asked.actor)
            rows += database.run(store, part, dry_run=dry_run)
            on_progress(len(rows), len(rows) / max(total, len(rows)))
    return command_log.execute(database, lambda _: rows, asked, dry_run=dry_run)


def look(address: str, allowed: Sequence[str], fetch: Fetch | None) -> Finding:
    """Judge a URL by the rules and the list of hosts, then fetch it if that is asked for."""
    try:
        # Also what was stored before there were these rules.
        address = product_fields.image_url(address)
    except InvalidInput as error:
        return Finding("refused", error.detail)
    if not hosts.is_listed(host(address), allowed):
        return Finding("refused", f"{host(address)} is not one of the hosts that are allowed")
    return fetch(address) if fetch else Finding("allowed")


def _named(session: Session, refs: Sequence[str]) -> list[Picture]:
    if not refs:
        return []
    wanted = {item.id: item.sku for item in items.named(session, refs).values()}
    found = {row.id: Picture(*row) for row in session.ask(_NAMED, ids=list(wanted))}
    for number, sku in wanted.items():
        if number not in found:
            raise Conflict(
                f"{sku} has no image URL",
                hint=f"give it one: bvinv products update {sku} --image-url URL",
            )
    return [found[number] for number in wanted]


def _all(database: Database) -> Iterator[list[Picture]]:
    """Yield all images, batch by batch, each batch on a snapshot of its own."""
    after = 0
    while True:
        with database.read() as session:
            batch = [Picture(*row) for row in session.ask(_PAGE, after=after)]
        if not batch:
            return
        yield batch
        after = batch[-1].id


def _store(session: Session, *, pairs: Sequence[tuple[Picture, Finding]]) -> list[ImageRow]:
    """Keep what was found, and tell of what is not as it was when somebody looked before."""
    ids = [one.id for one, _ in pairs]
    before = {row.product_id: tuple(row)[1:] for row in session.ask(_STORED, ids=ids)}
    now = session.now
    session.send(
        _STORE,
        [
            {"id": one.id, "url": one.url, "now": now} | found._asdict()
            for one, found in sorted(pairs)  # by id, or two checks at once could deadlock
        ],
    )
    tales = [
        Tale("product.image_checked", one.sku, _told(one, found), session.command)
        for one, found in pairs
        if before.get(one.id) != (one.url, *found)
    ]
    if tales:
        command_log.tell(session, tales)
    return [
        ImageRow(sku=one.sku, url=one.url, checked_at=now, **found._asdict())
        for one, found in pairs
    ]


def _told(one: Picture, found: Finding) -> dict[str, Any]:
    return {"url": one.url, "state": found.state, "detail": found.detail}
