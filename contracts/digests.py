"""Digests: tagged SHA-256 over canonical JSON (RFC 8785).

The tag keeps apart digests of different things: a proposal's bytes can never pass as a decision's.
"""

import hashlib
from typing import Any

import rfc8785
from pydantic import BaseModel

PREFIX = "sha256:"


def canonical_json(value: BaseModel | Any) -> bytes:
    """The one byte string for a JSON value. Money and other decimals travel as strings."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return rfc8785.dumps(plain)


def tagged_digest(tag: str, data: bytes) -> str:
    """`sha256:<64 hex>` over `tag`, a zero byte, and `data`."""
    return PREFIX + hashlib.sha256(tag.encode() + b"\0" + data).hexdigest()


def short(digest: str) -> str:
    """The first twelve hex digits: enough for a person to type and for a page to show."""
    return digest.removeprefix(PREFIX)[:12]
