"""A plain request: asked of the host over TLS in the sandbox's place, and the answer passed on."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping

import h11
import httpcore2

from contracts.policy import Allow
from sandboxes.egress import headers, words
from sandboxes.egress.bodies import Filter
from sandboxes.egress.client import Client
from sandboxes.egress.rules import Asked
from sandboxes.egress.upstream import ANSWER_SECONDS, CONNECT_SECONDS, Upstream

BODYLESS = (204, 304)


async def forward(
    client: Client, request: h11.Request, asked: Asked, entry: Allow, secret: str, plain: list[str], upstream: Upstream
) -> None:
    """Raises Denied, Gone."""
    hidden = headers.secret_words(entry, secret)
    body = client.body()
    try:
        async with _asked(client, request, asked, entry, secret, upstream, body) as answer:
            if answer.status < 200:
                raise words.upstream(entry.host, "answers with a change of protocol")
            words_in = {**dict.fromkeys(hidden), **_links(request, answer, plain)}
            sent = headers.incoming(answer.headers, entry, hidden, plain)
            await _pass_on(client, asked, answer, sent, Filter(entry.host, words_in) if words_in else None)
    finally:
        await body.aclose()  # type: ignore[attr-defined]


@contextlib.asynccontextmanager
async def _asked(
    client: Client,
    request: h11.Request,
    asked: Asked,
    entry: Allow,
    secret: str,
    upstream: Upstream,
    body: AsyncIterator[bytes],
) -> AsyncIterator[httpcore2.Response]:
    """The host's answer, its body still to come. The library's errors become ours: one that quotes what was sent
    would tell the secret."""
    wanted = httpcore2.Request(
        method=asked.method,
        url=httpcore2.URL(scheme=entry.scheme, host=entry.host, port=entry.port, target=asked.target),
        headers=headers.outgoing(request.headers.raw_items(), entry, secret),
        content=body,
        extensions={"timeout": {"connect": CONNECT_SECONDS, "pool": 60, "read": ANSWER_SECONDS, "write": 60}},
    )
    try:
        answer = await upstream.pool.handle_async_request(wanted)
        try:
            yield answer
        finally:
            await answer.aclose()
    except (TimeoutError, httpcore2.TimeoutException):
        raise words.upstream(entry.host, "does not answer in time", status=504) from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError, OSError):
        raise words.upstream(entry.host, "broke off, or does not speak HTTP/1.1") from None


async def _pass_on(
    client: Client, asked: Asked, answer: httpcore2.Response, sent: headers.Headers, filter: Filter | None
) -> None:
    empty = asked.method == "HEAD" or answer.status in BODYLESS
    if filter is not None and not empty:
        sent = [(key, value) for key, value in sent if key != b"content-length"]  # it may come out longer
    body = _filtered(answer, filter, empty=empty)
    first = await anext(body, b"")  # a host that breaks off before it leaves room for words of our own
    await client.answer(answer.status, answer.extensions.get("reason_phrase", b""), sent, first)
    async for data in body:
        await client.data(data)
    await client.end()


async def _filtered(answer: httpcore2.Response, filter: Filter | None, *, empty: bool) -> AsyncIterator[bytes]:
    async for chunk in answer.aiter_stream():
        data = filter.feed(chunk) if filter else chunk
        if data and not empty:
            yield data
    if filter and not empty and (rest := filter.end()):
        yield rest


def _links(request: h11.Request, answer: httpcore2.Response, plain: list[str]) -> Mapping[bytes, bytes | None]:
    """pip and uv follow a package index's links to https; those of the list are to come back here, where they are
    judged. Nothing else's content is touched."""
    kinds = headers.values(answer.headers, b"content-type")
    encoded = headers.values(answer.headers, b"content-encoding")
    if encoded or not headers.asks_index(request.headers.raw_items()):
        return {}
    if not any(kind.startswith((headers.INDEX, b"text/html")) for kind in kinds):
        return {}
    return {f"https://{place}/".encode(): f"http://{place}/".encode() for place in plain}
