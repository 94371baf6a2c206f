"""Digests: tagged SHA-256 over canonical JSON (RFC 8785).

The tag keeps apart digests of different things: a proposal's bytes can never pass as a decision's.
"""

import hashlib
from typing import Any

import rfc8785
from pydantic import BaseModel

PREFIX = "sha256:"
# Fields that tell what a value is. They are covered although they have one value each.
TAGS = ("kind", "type")


def canonical_json(value: BaseModel | Any) -> bytes:
    """The one byte string for a JSON value. Money and other decimals travel as strings."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return rfc8785.dumps(plain)


def sealed_json(value: BaseModel) -> dict[str, Any]:
    """What a digest or signature of a model covers: every field that differs from its default, and the tags.

    A release that adds a field with a default leaves the digest of what was sealed before as it was, so that a
    parked proposal can still be signed after an upgrade. A default of a sealed model must therefore never change.
    """
    full, slim = value.model_dump(mode="json"), value.model_dump(mode="json", exclude_defaults=True)
    covered: dict[str, Any] = _with_tags(full, slim)
    return covered


def _with_tags(full: Any, slim: Any) -> Any:
    if isinstance(full, dict):
        tags = {name: full[name] for name in TAGS if name in full}
        return {**tags, **{name: _with_tags(full[name], part) for name, part in slim.items()}}
    if isinstance(full, list):
        return [_with_tags(*pair) for pair in zip(full, slim, strict=True)]
    return slim


def tagged_digest(tag: str, data: bytes) -> str:
    """`sha256:<64 hex>` over `tag`, a zero byte, and `data`."""
    return PREFIX + hashlib.sha256(tag.encode() + b"\0" + data).hexdigest()


def short(digest: str) -> str:
    """The first twelve hex digits: enough for a person to type and for a page to show."""
    return digest.removeprefix(PREFIX)[:12]
