"""The floor of the HTTP figures: an ASGI application that does nothing but answer."""

from typing import Any

_BODY = b'{"status":"ok"}'
_HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"15")],
}


def create_app() -> Any:
    return answer


async def answer(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send(_HEAD)
    await send({"type": "http.response.body", "body": _BODY})
