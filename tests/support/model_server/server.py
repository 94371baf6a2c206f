"""A real HTTP server on this host that speaks all three protocols and answers what a test scripted."""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import ModuleType

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.support.model_server import anthropic_wire, bedrock_wire, openai_wire
from tests.support.model_server.script import Asked, Scripted

KEY = "sk-scripted-key-0123456789"
Reply = Scripted | Callable[[Asked], Scripted]
LABEL = {"x-scripted": "true"}


class ModelServer:
    """Started with `with ModelServer() as server:`. Every reply has the header `x-scripted: true`.

    `script(...)` queues replies, one a request. A request with nothing queued gets HTTP 418, which no client
    takes for something to retry, and is listed in `surprises`. `requests` has what came in.
    """

    def __init__(self, key: str = KEY, models: frozenset[str] | None = None) -> None:
        self.key = key
        self.models = models
        self.requests: list[Asked] = []
        self.surprises: list[Asked] = []
        self.queue: deque[Reply] = deque()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.uvicorn = uvicorn.Server(
            uvicorn.Config(self.app(), log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
        )
        self.thread = threading.Thread(target=self.serve, name="model-server", daemon=True)

    def script(self, *replies: Reply) -> None:
        """Queue replies; a function is given the request and makes the reply from it."""
        self.queue.extend(replies)

    def reset(self) -> None:
        """Forget everything, for the next test."""
        self.queue.clear()
        self.requests.clear()
        self.surprises.clear()
        self.models = None

    @property
    def anthropic_url(self) -> str:
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    @property
    def bedrock_url(self) -> str:
        return self.anthropic_url

    @property
    def openai_url(self) -> str:
        return f"{self.anthropic_url}/v1"

    def app(self) -> Starlette:
        paths = {
            "/v1/messages": anthropic_wire,
            "/v1/chat/completions": openai_wire,
            "/model/{model:path}/converse-stream": bedrock_wire,
        }
        return Starlette(routes=[Route(path, self.endpoint(wire), methods=["POST"]) for path, wire in paths.items()])

    def endpoint(self, wire: ModuleType):  # type: ignore[no-untyped-def]
        async def answer(request: Request) -> Response:
            asked = Asked(request.url.path, dict(request.headers), await request.json() | request.path_params)
            self.requests.append(asked)
            reply = self.reply_to(asked, wire)
            if reply.status != 200:
                asked.done = True
                headers = {**reply.headers, **wire.error_headers(reply), **LABEL}
                return JSONResponse(wire.error_body(reply), reply.status, headers)
            if wire is not bedrock_wire and not asked.body.get("stream"):
                asked.done = True
                return JSONResponse(wire.message(reply, asked.body), headers=LABEL)
            return StreamingResponse(self.streamed(reply, asked, wire), media_type=wire.MEDIA, headers=LABEL)

        return answer

    def reply_to(self, asked: Asked, wire: ModuleType) -> Scripted:
        """The scripted reply, unless the key or the model is wrong: those errors come first, as in real life."""
        if wire.key_of(asked.headers) != self.key:
            said = f"Incorrect API key provided: {wire.key_of(asked.headers)}"
            return Scripted(status=401, error="authentication_error", says=said)
        if self.models is not None and asked.body["model"] not in self.models:
            return Scripted(status=404, error="not_found_error", says=f"model: {asked.body['model']}")
        if why := wire.refused(asked.body):
            return Scripted(status=400, error="invalid_request_error", says=why)
        if not self.queue:
            self.surprises.append(asked)
            return Scripted(status=418, error="nothing_scripted", says="The test scripted no reply for this request")
        reply = self.queue.popleft()
        return reply(asked) if callable(reply) else reply

    async def streamed(self, reply: Scripted, asked: Asked, wire: ModuleType) -> AsyncIterator[str | bytes]:
        try:
            await asyncio.sleep(reply.silence)
            for number, event in enumerate(wire.events(reply, asked.body)):
                if number == reply.cut_after:
                    raise ConnectionAbortedError("scripted: the connection is cut here")
                await asyncio.sleep(reply.pause)
                yield event
            asked.done = True
        except (asyncio.CancelledError, GeneratorExit):
            asked.dropped = True
            raise

    def serve(self) -> None:
        asyncio.run(self.uvicorn.serve(sockets=[self.socket]))

    def __enter__(self) -> "ModelServer":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.uvicorn.should_exit = True
        self.thread.join(10)
        self.socket.close()
