"""No test calls a real model: the settings are gone, and the clients' transports refuse to leave this host."""

import ipaddress
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.httpsession import URLLib3Session

from tests.support.services.names import HOST

SETTINGS = ("ANTHROPIC_", "OPENAI_", "AWS_", "COUNTERSIGN_MODEL", "COUNTERSIGN_PRICES_OF", "COUNTERSIGN_ALLOW_UNPRICED")


class RealModelCalled(AssertionError):
    """A test tried to reach a host other than this one over HTTP."""


def is_local(host: str) -> bool:
    if host in ("localhost", "testserver", "test", HOST):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session")
def no_real_models() -> Iterator[None]:
    """Use it from an autouse fixture in conftest.py; it lasts for the session."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(SETTINGS)]:
            patch.delenv(name)
        for library in libraries():
            for transport in (library.HTTPTransport, library.AsyncHTTPTransport):
                patch.setattr(transport, *guarded(transport))
        patch.setattr(URLLib3Session, "send", guarded_send(URLLib3Session.send))
        yield


def libraries() -> list[Any]:
    """The HTTP libraries that the clients may use."""
    import httpx

    try:
        import httpx2
    except ImportError:
        return [httpx]
    return [httpx, httpx2]


def guarded(transport: Any) -> tuple[str, Any]:
    name = "handle_async_request" if hasattr(transport, "handle_async_request") else "handle_request"
    real = getattr(transport, name)

    def handle(self: Any, request: Any) -> Any:
        if not is_local(request.url.host):
            raise refusal(request.url.host)
        return real(self, request)

    return name, handle


def guarded_send(real: Any) -> Any:
    """The same for botocore, which has an HTTP client of its own."""

    def send(self: Any, request: Any) -> Any:
        if not is_local(host := urlsplit(request.url).hostname or ""):
            raise refusal(host)
        return real(self, request)

    return send


def refusal(host: str) -> RealModelCalled:
    return RealModelCalled(f"A test tried to reach {host}. Use the fixture model_server.")
