"""Connections to hosts: to a checked address only, every byte counted.

httpcore2 keeps the pool and speaks HTTP; this is the ground it stands on. A connection is made by resolving the
name, checking what came, and connecting to that very address, so there is no second answer to fall for.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Collection, Iterable
from typing import Any

import httpcore2

from sandboxes.egress import words
from sandboxes.egress.addresses import Resolve, checked
from sandboxes.egress.budget import Budget

CONNECT_SECONDS = 10
ANSWER_SECONDS = 120
TRIED = 3  # addresses of one name
CONNECTIONS = 32  # to all hosts of one sandbox
IDLE_SECONDS = 20
CHUNK = 1 << 16


class Upstream:
    """The outside, as one sandbox may reach it."""

    def __init__(self, private: Collection[tuple[str, int]], ask: Resolve, budget: Budget, context: ssl.SSLContext):
        self._private, self._ask, self._budget = private, ask, budget
        self.pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=CONNECTIONS,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=Backend(self),
        )

    async def connect(self, host: str, port: int) -> "Stream":
        """A connection without TLS. Raises Denied."""
        failure = "has no address"
        for address in (await checked(host, port, self._private, self._ask))[:TRIED]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    reader, writer = await asyncio.open_connection(address, port)
                return Stream(reader, writer, self._budget)
            except TimeoutError:
                failure = "does not answer"
            except OSError as error:
                failure = f"can't be connected to ({error.strerror or type(error).__name__})"
        raise words.upstream(host, failure)

    async def aclose(self) -> None:
        await self.pool.aclose()


class Backend(httpcore2.AsyncNetworkBackend):
    """What httpcore2 calls for a new connection."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return await self._upstream.connect(host, port)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Stream(httpcore2.AsyncNetworkStream):
    """One connection, over which every byte is counted."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: Budget) -> None:
        self._reader, self._writer, self._budget = reader, writer, budget

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                data = await self._reader.read(max_bytes)
        except TimeoutError:
            raise httpcore2.ReadTimeout from None
        except OSError as error:
            raise httpcore2.ReadError from error
        self._budget.received(len(data))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        self._budget.sending(len(buffer))
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()
        except TimeoutError:
            raise httpcore2.WriteTimeout from None
        except OSError as error:
            raise httpcore2.WriteError from error

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Raises Denied where the certificate doesn't hold: no words of the library, which may quote the host's."""
        host = server_hostname or ""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except ssl.SSLCertVerificationError as error:
            await self.aclose()
            raise words.upstream(host, f"has a certificate that is not trusted ({error.verify_message})") from None
        except (OSError, TimeoutError):
            await self.aclose()
            raise words.upstream(host, "does not speak TLS") from None
        return self

    async def aclose(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._writer.wait_closed()

    def get_extra_info(self, info: str) -> Any:
        """`is_readable` on an idle connection: the host has closed it, or said what nobody asked."""
        if info == "is_readable":
            return self._reader.at_eof() or self._writer.is_closing()
        return self._writer.get_extra_info({"ssl_object": "ssl_object"}.get(info, ""))


def context(authorities: Any) -> ssl.SSLContext:
    """The system's certificate authorities, and the operator's own. Takes some 20 ms. Raises OSError."""
    made = ssl.create_default_context()
    made.set_alpn_protocols(["http/1.1"])
    if authorities:
        made.load_verify_locations(cafile=str(authorities))
    return made
