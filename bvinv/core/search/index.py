"""The search index: a tantivy directory, derived from the database and disposable.

It is caught up before every search, from the snapshot that answers; whoever writes to the database
never touches it. One process at a time brings it up to date, others search what stands. It is
built anew when it is missing, damaged, of another format, far behind, or of a database that was
restored or replaced.
"""

import os
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import tantivy

from bvinv.core.db import Session
from bvinv.core.errors import Busy, InventoryError, NotPermitted
from bvinv.core.models.search import IndexRow
from bvinv.core.search import changes, documents, families
from bvinv.core.search import state as search_state
from bvinv.core.search.changes import Changes
from bvinv.core.search.documents import BATCH
from bvinv.core.search.state import State

_BUILD_HEAP = 250_000_000  # bytes at most, before a segment is written: some 200,000 books
_CATCH_UP_HEAP = 15_000_000  # the least that tantivy takes
_IO = re.compile("io.?error|lock", re.IGNORECASE)  # in what tantivy says
_FEW = 1000  # changes that are always caught up with
T = TypeVar("T")

OnBuild = Callable[[], AbstractContextManager[Callable[[int, float], None]]]


class _Opened(NamedTuple):
    state: State
    signature: tuple[int, int, int] | None
    index: Any
    searcher: Any


def _quietly() -> AbstractContextManager[Callable[[int, float], None]]:
    return nullcontext(lambda rows, share: None)  # noqa: ARG005


class Index:
    """The index of one database. Cheap to make; opened at its first use; safe among threads."""

    def __init__(
        self, folder: Path, *, patience: float = 30.0, on_build: OnBuild = _quietly
    ) -> None:
        """Name the folder; wait `patience` seconds for somebody else's build.

        `on_build` is entered while an index is built; what it gives is told, for each batch, how
        many products that was, and what share of all is done.
        """
        self.folder = folder
        self.patience = patience
        self.on_build = on_build
        self._opened: _Opened | None = None
        self._opening = threading.Lock()

    def ask(
        self,
        session: Session,
        question: Callable[[Any, Any], T],
        on_stale: Callable[[], None] = lambda: None,
    ) -> T:
        """Return what the question answers, given a searcher on this snapshot and the schema.

        `on_stale` is called where somebody else is just bringing the index up to date, and what
        stands is searched: nobody should keep that answer. An index that turns out to be damaged
        is built anew, once. Raises Busy when somebody else is building it, NotPermitted where it
        cannot be written.
        """
        with self._said_plainly():
            opened = self._caught_up(session)
        if not _is_current(session, opened.state):
            on_stale()
        try:
            return question(opened.searcher, opened.index.schema)
        except InventoryError:
            raise
        except BaseException as error:
            if not _is_damage(error):
                raise
        with self._said_plainly():
            opened = self._built(session, opened)
        return question(opened.searcher, opened.index.schema)

    def rebuild(self, session: Session) -> IndexRow:
        """Build the index anew. Raises Busy, NotPermitted."""
        with self._said_plainly():
            opened = self._built(session, self._current())
        build = self.folder / opened.state.build
        return IndexRow(
            folder=str(self.folder),
            products=opened.state.products,
            bytes=sum(entry.stat().st_size for entry in os.scandir(build)),
        )

    # --- Opening --------------------------------------------------------------------------------

    def _current(self) -> _Opened | None:
        """Return the index as it stands; None where there is none, or none that can be read."""
        with self._opening:
            opened = self._opened
            signature = search_state.signature(self.folder)
            if opened and opened.signature == signature:
                return opened
            for _ in range(2):  # a build may be replaced between its state and its files
                state = search_state.load(self.folder)
                self._opened = self._open(state, signature) if state else None
                if self._opened or state is None:
                    break
                signature = search_state.signature(self.folder)
            return self._opened

    def _open(self, state: State, signature: tuple[int, int, int] | None) -> _Opened | None:
        build = self.folder / state.build
        before = self._opened
        if not search_state.is_intact(build, state):
            return None
        try:
            if before and before.state.build == state.build:
                index = before.index
            else:
                index = tantivy.Index.open(str(build))
                index.config_reader(reload_policy="manual")
            index.reload()
            return _Opened(state, signature, index, index.searcher())
        except BaseException as error:
            if not _is_damage(error):
                raise
            return None

    def _keep(self, state: State, index: Any) -> _Opened:
        """Save the state, and go on with what it describes."""
        with self._opening:
            search_state.save(self.folder, state)
            index.reload()
            signature = search_state.signature(self.folder)
            self._opened = _Opened(state, signature, index, index.searcher())
            return self._opened

    # --- Catching up ----------------------------------------------------------------------------

    def _caught_up(self, session: Session) -> _Opened:
        opened = self._current()
        if opened is None:
            return self._built(session, None)
        if not search_state.is_of(session, opened.state):
            if search_state.is_ahead(session, opened.state):
                return opened
            return self._built(session, opened)
        found = changes.since(session, opened.state, _most(opened.state))
        if not found.products and not found.moved and found.shelves is None:
            return self._noted(session, opened, found)
        return self._advanced(session, opened)

    def _noted(self, session: Session, opened: _Opened, found: Changes) -> _Opened:
        """Remember, in this process only, that nothing of interest has happened."""
        state = replace(opened.state, event=found.event, movement=found.movement, now=session.now)
        noted = opened._replace(state=state)
        with self._opening:
            if self._opened is opened:
                self._opened = noted
        return noted

    def _advanced(self, session: Session, before: _Opened) -> _Opened:
        """Bring the index up to date, unless somebody else is doing that."""
        try:
            with search_state.turn(self.folder, 0) as is_ours:
                opened = self._current()
                if not is_ours or opened is None:
                    return before
                if not search_state.is_of(session, opened.state):
                    return opened  # somebody with a newer snapshot was faster
                found = changes.since(session, opened.state, _most(opened.state))
                is_far = found.products > _most(opened.state)
                if is_far or opened.state.written > max(_FEW, opened.state.products):
                    return self._build(session)
                return self._catch_up(session, opened, found)
        except BaseException as error:
            if not _is_damage(error):
                raise
        return self._built(session, before)

    def _catch_up(self, session: Session, opened: _Opened, found: Changes) -> _Opened:
        present = changes.present(session, found.keys)
        ids = {*present.values(), *found.ids}
        ids |= self._flipped(session, opened, found.moved, ids)
        stamps = self._indexed(opened, sorted(ids), "stamp")
        changed = [
            one for one in documents.some(session, ids) if stamps.get(one.id) != (one.stamp,)
        ]
        gone = [key for key in found.keys if key not in present]
        gone = [key for key in gone if opened.searcher.doc_freq("key", key)]
        if changed or gone:
            writer = opened.index.writer(_CATCH_UP_HEAP, 1)
            for key in (*gone, *(one.key for one in changed)):
                writer.delete_documents_by_term("key", key)
            for one in changed:
                writer.add_json(one.json)
            writer.commit()
            # Or many small segments would be left, which a later search has to visit one by one.
            writer.wait_merging_threads()
        state = opened.state
        return self._keep(
            replace(
                state,
                event=found.event,
                movement=found.movement,
                now=session.now,
                newest=search_state.newest(session),
                shelves=state.shelves if found.shelves is None else found.shelves,
                products=documents.count(session) if changed or gone else state.products,
                written=state.written + len(changed) + len(gone),
                files=search_state.files(self.folder / state.build),
            ),
            opened.index,
        )

    def _flipped(
        self, session: Session, opened: _Opened, moved: set[int], changed: set[int]
    ) -> set[int]:
        """Return the products of which the index says something else about stock.

        They are among those that moved, and among those that they, or what was changed, are
        variants of, or were.
        """
        left = {parent for (parent,) in self._indexed(opened, sorted(changed), "above").values()}
        near = {*moved, *(left - {None})}
        near |= families.above(session, near | changed)
        wanted = sorted(near - changed)
        found = set()
        for first in range(0, len(wanted), BATCH):
            ids = wanted[first : first + BATCH]
            before = self._indexed(opened, ids, "in_stock", "popularity")
            after = changes.stock(session, ids)
            found |= {number for number, now in after.items() if before.get(number) != now}
        return found

    def _indexed(
        self, opened: _Opened, ids: Sequence[int], *fields: str
    ) -> dict[int, tuple[Any, ...]]:
        """Return what the index holds of these products."""
        found: dict[int, tuple[Any, ...]] = {}
        searcher = opened.searcher
        for first in range(0, len(ids), BATCH):
            query = tantivy.Query.term_set_query(
                opened.index.schema, "id", ids[first : first + BATCH]
            )
            hits = searcher.search(query, BATCH, count=False, order_by_field="id").hits
            places = [place for _, place in hits]
            columns = [searcher.fast_field_values(field, places) for field in fields]
            for (number, _), *values in zip(hits, *columns, strict=True):
                found[number] = tuple(values)
        return found

    # --- Building -------------------------------------------------------------------------------

    def _built(self, session: Session, instead_of: _Opened | None) -> _Opened:
        """Return a new index; wait for somebody else who is building one."""
        with search_state.turn(self.folder, self.patience) as is_ours:
            opened = self._current()
            is_newer = opened and (
                instead_of is None or opened.state.build != instead_of.state.build
            )
            if opened and is_newer and search_state.is_of(session, opened.state):
                return opened
            if not is_ours:
                raise Busy(
                    f"another process has been building the search index for {self.patience:g} s",
                    hint="try again, or raise BVINV_LOCK_TIMEOUT (seconds)",
                )
            return self._build(session)

    def _build(self, session: Session) -> _Opened:
        place = self.folder / f"build-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._sweep()
        place.mkdir(mode=0o700)
        try:
            return self._build_in(session, place)
        except BaseException:  # an interrupt, too; a full disk is not to stay full
            self._sweep()
            raise

    def _build_in(self, session: Session, place: Path) -> _Opened:
        event, movement = session.position("event"), session.position("movement")
        index = tantivy.Index(documents.schema(), str(place))
        index.config_reader(reload_policy="manual")
        products = self._write(session, index)
        state = State(
            build=place.name,
            event=event,
            movement=movement,
            now=session.now,
            newest=search_state.newest(session),
            shelves=changes.summary(documents.shelves(session)),
            products=products,
            written=0,
            files=search_state.files(place),
        )
        opened = self._keep(state, index)
        self._sweep()
        return opened

    def _sweep(self) -> None:
        """Remove every build but the one that counts."""
        state = search_state.load(self.folder)
        search_state.sweep(self.folder, state.build if state else "")

    def _write(self, session: Session, index: Any) -> int:
        """Write every product; return how many there are."""
        writer = index.writer(_BUILD_HEAP, 1)
        products = 0
        total = max(1, documents.count(session))
        with self.on_build() as advance:
            for batch in documents.every(session):
                for one in batch:
                    writer.add_json(one.json)
                products += len(batch)
                advance(len(batch), products / total)
            writer.commit()
            writer.wait_merging_threads()
        return products

    @contextmanager
    def _said_plainly(self) -> Iterator[None]:
        """Raise NotPermitted for a folder that cannot be written, and for a disk that is full."""
        try:
            yield
        except (OSError, ValueError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            if isinstance(error, ValueError) and not _IO.search(reason):
                raise
            raise NotPermitted(
                f"the search index cannot be kept in {self.folder}: {reason}"[:500],
                hint="name a folder that is yours to write: BVINV_SEARCH_DIR",
            ) from error


def _is_current(session: Session, state: State) -> bool:
    """Tell whether an index has seen all that the snapshot shows."""
    seen = (state.event, state.movement, state.now)
    shown = (session.position("event"), session.position("movement"), session.now)
    return all(one >= other for one, other in zip(seen, shown, strict=True))


def _most(state: State) -> int:
    """Return how many changes are caught up with; more, and building anew takes less time."""
    return max(_FEW, state.products // 3)


def _is_damage(error: BaseException) -> bool:
    """Tell whether tantivy could not read, or not write, its files: it panics, too."""
    return isinstance(error, ValueError) or type(error).__name__ == "PanicException"
