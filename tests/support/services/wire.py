"""What the stand-ins share: answers in JSON, and what a test makes go wrong."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.tls_host import Answer, Seen

Trouble = Callable[[Seen], Answer | None]
JSON = "application/json; charset=utf-8"


def said(value: Any, status: int = 200, **headers: str) -> Answer:
    named = [(name.replace("_", "-"), text) for name, text in headers.items()]
    return Answer(json.dumps(value).encode(), status, [("Content-Type", JSON), *named])


def page(status: int = 200, **headers: str) -> Answer:
    """A web page, as proxies and login forms have it."""
    named = [(name.replace("_", "-"), text) for name, text in headers.items()]
    return Answer(b"<!doctype html><title>Sign in</title>", status, [("Content-Type", "text/html"), *named])


def path_of(seen: Seen) -> str:
    return urlsplit(seen.target).path


def query_of(seen: Seen) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(seen.target).query).items()}


def token_of(seen: Seen, *schemes: str) -> str:
    """The secret of the Authorization header under one of the schemes; `""`: as it stands."""
    for value in seen.header("authorization"):
        for scheme in schemes:
            if value.lower().startswith(scheme.lower()):
                return value[len(scheme) :].strip()
    return ""
