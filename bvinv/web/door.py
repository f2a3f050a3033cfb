"""The HTTP door: what routes share. A route parses, calls core, and answers; nothing else.

`reads`, `asks` and `changes` say what an operation is; a route gets a `Call`.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Annotated, Any, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BeforeValidator

from bvinv.core import access, command_log
from bvinv.core.command_log import Answer as Done
from bvinv.core.command_log import Result
from bvinv.core.db import Database, Session
from bvinv.core.errors import InvalidInput
from bvinv.core.groups import Job
from bvinv.core.models.base import Row
from bvinv.core.models.log import Command
from bvinv.core.requests import Request as Wish
from bvinv.web import answers, asked, problems
from bvinv.web.asked import Asked
from bvinv.web.bodies import Reservation
from bvinv.web.callers import Caller
from bvinv.web.worker import Worker, current

T = TypeVar("T")


def _digits(value: Any) -> Any:
    """Refuse what `int` alone would take: 1_000, 7.0 and numbers of other scripts."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) < 20):
        raise ValueError("write a whole number")
    return value


def _truth(value: Any) -> Any:
    if isinstance(value, str) and value not in ("true", "false"):
        raise ValueError("write true or false")
    return value


# What a query says is text: these read it as strictly as a body is read. `Digits` stands behind the
# bounds of a number, or OpenAPI would not show them: Annotated[int, Query(ge=1), Digits].
Digits = BeforeValidator(_digits)
Number = Annotated[int, Digits]
Truth = Annotated[bool, BeforeValidator(_truth)]
_WITH_BODY = (400, 401, 403, 404, 408, 413, 415, 422, 429, 503)

DryRun = Annotated[
    Truth, Query(description="Do everything, answer it, and keep nothing.", alias="dry_run")
]


class Call:
    """One operation being called: who asks, of which worker, and how it is answered."""

    def __init__(self, worker: Worker, asked: Asked, name: str, dry_run: bool = False) -> None:
        """Take the call of the command that has this name in the command log."""
        self.worker = worker
        self.asked = asked
        self.name = name
        self.dry_run = dry_run

    @property
    def caller(self) -> Caller:
        """Who asks; the front has let nobody else in."""
        assert self.asked.caller is not None
        return self.asked.caller

    @property
    def owner(self) -> str | None:
        """Whose things the caller may see: None is everybody's."""
        return access.owner(role=self.caller.role, actor=self.caller.name)

    async def read(self, action: Callable[[Session], T]) -> T:
        """Run the action on one snapshot."""
        return await self.worker.read(action)

    async def consult(self, action: Callable[[Session, Session], T]) -> T:
        """Run the action on one snapshot of the catalogue, which may be a replica's, and on one of
        the books, which never is: what is in stock is asked there."""

        def ask(database: Database) -> T:
            with database.read() as session:
                if database is self.worker.database:
                    return action(session, session)
                with self.worker.database.read() as books:
                    return action(session, books)

        return await self.consult_all(ask, self.worker.readers)

    async def consult_all(self, ask: Callable[[Database], T], inside: Executor) -> T:
        """Ask a database about the catalogue, in one of these threads.

        Who may change the catalogue, be it a barcode, asks the primary: word of what they did
        through another server may come a moment later than they do.
        """
        changes = access.permits(self.caller.role, "scan resolve")
        return await self.worker.consult(ask, inside, None if changes else self.caller.name)

    async def show(
        self,
        action: Callable[[Session], Row | list[Row]],
        *,
        until: int = 0,
        kept: tuple[bytes, bytes] = answers.PRIVATE,
    ) -> Response:
        """Answer what the action finds."""
        return self.answer(_records(await self.read(action)), until=until, kept=kept)

    def answer(
        self,
        result: Any,
        *,
        status: int = 200,
        tag: str = "",
        until: int = 0,
        kept: tuple[bytes, bytes] = answers.PRIVATE,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Answer a result; `until` is how long it may be kept in this process."""
        self.asked.until = until
        made = answers.of(result, status=status, tag=tag, kept=kept)
        response = Response(made.body, status)
        response.raw_headers = made.headers
        for name, value in (headers or {}).items():
            response.headers[name] = value
        return response

    def page(
        self,
        rows: Sequence[Row],
        cursor: object,
        *,
        parameter: str = "after",
        until: int = 0,
        kept: tuple[bytes, bytes] = answers.PRIVATE,
    ) -> Response:
        """Answer a page of a list; a Link (RFC 8288) leads to the next, if there is a cursor."""
        headers = {}
        if cursor is not None:
            said = parse_qsl(self.asked.query.decode("latin-1"), keep_blank_values=True)
            kept_on = [(name, value) for name, value in said if name != parameter]
            query = urlencode([*kept_on, (parameter, str(cursor))])
            headers["link"] = f'<{self.asked.address}?{query}>; rel="next"'
        return self.answer([row.record() for row in rows], until=until, kept=kept, headers=headers)

    async def run(
        self,
        action: Callable[[Session], Result] | Wish,
        request: Any,
        *,
        status: int = 200,
        tag: str = "",
    ) -> Response:
        """Run the action with others in one transaction, and answer when it is durable."""
        job = Job(command_of(self.asked, self.name, request), action, dry_run=self.dry_run)
        done = await self.worker.writer.do(job)
        return self.done(done, status=status, tag=tag)

    def done(self, done: Done, *, status: int = 200, tag: str = "") -> Response:
        """Answer what a command answered; `tag` names what its entity tag begins with."""
        marks: dict[str, Any] = {}
        if done.replayed:
            marks["replayed"] = True
        if self.dry_run:
            marks |= {"dry_run": True, "changes": [row.record() for row in done.changes]}
        result = done.result
        if isinstance(result, dict):
            replayed = done.replayed or result.get("replayed")
            result = result | marks
            version = str(result.get(tag, ""))
        else:
            replayed, version = done.replayed, ""
            result = [one | marks for one in result]
        fresh = 200 if replayed or self.dry_run else status
        return self.answer(result, status=fresh, tag=version, kept=answers.NO_STORE)


def command_of(request: Asked, name: str, said: Any) -> Command:
    """Return a request's command. A key belongs to its caller: others may use the same.

    Raises InvalidInput for a key that is empty, too long or not printable.
    """
    caller = request.caller
    assert caller is not None
    key = request.headers.get(b"idempotency-key")
    return command_log.command(
        name,
        actor=caller.name,
        key=None if key is None else asked.text(key, "the Idempotency-Key"),
        scope=caller.name,
        request=said,
        role=caller.role,
    )


async def reserve(worker: Worker, request: Asked, body: Reservation) -> answers.Answer:
    """Reserve, and answer it: 201 for a new reservation, 200 for one that was there."""
    command = command_of(request, "reserve create", None)
    done = await worker.writer.do(Job(command, body.request()))
    assert isinstance(done.result, dict)
    status = 200 if done.result["replayed"] else 201
    return answers.of(done.result, status=status, kept=answers.NO_STORE)


def reads(name: str, row: Any, *, streams: str = "") -> dict[str, Any]:
    """Return what FastAPI is told of an operation that changes nothing."""
    return _operation(name, row, (401, 403, 404, 422, 429, 503), streams)


def asks(name: str, row: Any) -> dict[str, Any]:
    """Return what FastAPI is told of an operation that changes nothing, and has a body."""
    return _operation(name, row, _WITH_BODY)


def changes(name: str, row: Any, *, guarded: bool = False, status: int = 200) -> dict[str, Any]:
    """Return what FastAPI is told of an operation that changes something; `guarded` ones ask for
    If-Match."""
    more = (412, 428) if guarded else ()
    told = _operation(name, row, (*_WITH_BODY, 409, *more))
    if status != 200:
        told["responses"][200] = {"model": row, "description": "It was there, or is only tried."}
    return told | {"status_code": status}


def _operation(name: str, row: Any, codes: tuple[int, ...], streams: str = "") -> dict[str, Any]:
    extra: dict[str, Any] = {"x-role": access.NEEDS[name]}
    responses: dict[int | str, Any] = {
        code: {"$ref": f"#/components/responses/Problem{code}"} for code in codes
    }
    more: dict[str, Any] = {}
    if streams:
        extra["x-streams"] = True
        responses[200] = {"content": {streams: {}}}
        more["response_class"] = StreamingResponse
    return more | {
        "name": name,
        "response_model": row,
        "openapi_extra": extra,
        "responses": responses,
    }


_KNOWN: dict[Callable[..., Any], dict[str, bool]] = {}  # see _parameters


# Not plain functions: FastAPI would run those in a thread, which takes longer than they do.
async def _reading(request: Request) -> Call:
    if request.scope["query_string"]:
        _refuse_unknown(request)
    return Call(current(request.scope), request.scope["bvinv"], request.scope["route"].name)


async def _changing(request: Request, dry_run: DryRun = False) -> Call:
    call = await _reading(request)
    call.dry_run = dry_run
    if request.scope["route"].body_field is None:
        await _refuse_body(request)
    return call


async def _refuse_body(request: Request) -> None:
    """Raise InvalidInput where something is said that nobody would read."""
    if (await request.body()).strip() not in (b"", b"{}", b"null"):
        raise InvalidInput("this operation reads no body", hint="leave it out")


def _refuse_unknown(request: Request) -> None:
    """Raise InvalidInput for a parameter that the route does not read, or reads only once."""
    route = request.scope["route"]
    known = _KNOWN.get(route.endpoint)
    if known is None:
        known = _KNOWN[route.endpoint] = _parameters(route)
    said = [name for name, _ in request.query_params.multi_items()]
    if not known.keys() >= set(said):
        raise InvalidInput(
            "the query says something that is not known here",
            hint=f"known: {', '.join(sorted(known))}" if known else "this path reads no query",
        )
    for name in {name for name in said if said.count(name) > 1}:
        if not known[name]:
            raise InvalidInput(f"{name}: it is there more than once", field=name)


def _parameters(route: APIRoute) -> dict[str, bool]:
    """Return the parameters that a route reads from its query, and which may be there again."""
    waiting, found = [route.dependant], dict[str, bool]()
    while waiting:
        dependant = waiting.pop()
        waiting += dependant.dependencies
        for field in dependant.query_params:
            said: Any = field.field_info.annotation
            found[field.alias] = any(get_origin(one) is list for one in (said, *get_args(said)))
    return found


Reading = Annotated[Call, Depends(_reading)]
Changing = Annotated[Call, Depends(_changing)]


def expected(call: Call) -> int | None:
    """Return the version that a change is of, None for any. Raises PreconditionRequired."""
    if b"if-match" not in call.asked.headers:
        raise problems.PreconditionRequired(
            "this change needs If-Match: the ETag of what it changes",
            hint='get it first, or send If-Match: "VERSION"',
        )
    return call.asked.expected_version()


def _records(found: Row | list[Row]) -> Any:
    return found.record() if isinstance(found, Row) else [one.record() for one in found]
