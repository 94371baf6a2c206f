"""What of a server's tools an agent is offered: what the policy names, what the server declares to be read-only, and
whose arguments can be checked and told to any model. All else is missing, with the reason.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jsonschema import validators
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry

from contracts import shown
from contracts.digests import short, tagged_digest
from contracts.mcp import OfferedTool

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import Tool as Declared

TAG = "countersign/mcp-tool/v1"
LONGEST_DESCRIPTION, LONGEST_SCHEMA, MOST_NODES, DEEPEST, MOST_PAGES = 1500, 20_000, 3000, 40, 20
LONGEST_NAME = 60
SAID = {"name", "title", "description", "input_schema", "annotations"}
# Patterns of a stranger can keep a processor busy for ever, and references can lead anywhere.
REFUSED = ("patternProperties", "$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems")
TOP_LEVEL = ("anyOf", "oneOf", "allOf", "not", "$ref")  # refused by some models' providers
PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")


class Unusable(Exception):
    """A tool can't be offered. The message says why."""


async def declared_by(client: "Client") -> "dict[str, Declared]":
    """All tools of a server, by name."""
    found: dict[str, Declared] = {}
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        found |= {tool.name: tool for tool in page.tools}
        cursor = page.next_cursor
        if not cursor:
            break
    return found


def digest_of(tool: "Declared") -> str:
    """Of all that was said of the tool: what it takes, what it says of itself, what it promises not to do."""
    said = tool.model_dump(mode="json", by_alias=True, include=SAID)
    return tagged_digest(TAG, json.dumps(said, sort_keys=True).encode())


def offered(server: str, tool: "Declared") -> OfferedTool:
    """The tool as a model is told of it. Raises Unusable."""
    if tool.annotations is None or tool.annotations.read_only_hint is not True:
        raise Unusable("the server does not declare it read-only")
    check_schema(tool.input_schema)
    says = shown.spelt(tool.description or tool.title or "")[:LONGEST_DESCRIPTION]
    return OfferedTool(
        name=name_of(server, tool.name),
        server=server,
        tool=tool.name,
        description=f"Of the MCP server {server!r}, which describes it so: {says}",
        arguments=tool.input_schema,
        digest=digest_of(tool),
    )


def name_of(server: str, tool: str) -> str:
    """A name that no tool of ours has, and no other server's: any model's provider takes it."""
    plain = f"mcp_{server}_{re.sub(r'[^a-zA-Z0-9_-]', '_', tool)}"
    if plain == f"mcp_{server}_{tool}" and len(plain) <= LONGEST_NAME:
        return plain
    mark = short(tagged_digest(TAG, tool.encode()))[-8:]
    return f"{plain[: LONGEST_NAME - 9]}_{mark}"


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises Unusable for arguments that are no plain object, or that nobody should check by such a schema."""
    if schema.get("type") != "object" or any(word in schema for word in TOP_LEVEL):
        raise Unusable("its arguments are no plain object")
    if len(json.dumps(schema)) > LONGEST_SCHEMA:
        raise Unusable("the description of its arguments is too long")
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or not all(map(PROPERTY.fullmatch, properties)):
        raise Unusable("its arguments have names that models' providers refuse")
    _count(schema, schema, 0, [0])
    try:
        validators.validator_for(schema, default=validators.Draft202012Validator).check_schema(dict(schema))
    except (SchemaError, RecursionError) as error:
        raise Unusable("the description of its arguments is no JSON Schema") from error


def _count(root: Mapping[str, Any], node: Any, depth: int, seen: list[int]) -> None:
    """Walk a schema with its references followed, as a validator would. Raises Unusable for one without an end."""
    seen[0] += 1
    if depth > DEEPEST or seen[0] > MOST_NODES:
        raise Unusable("the description of its arguments is too involved")
    if isinstance(node, list):
        for each in node:
            _count(root, each, depth + 1, seen)
    if not isinstance(node, dict):
        return
    if any(word in node for word in REFUSED):
        raise Unusable(f"the description of its arguments uses {', '.join(word for word in REFUSED if word in node)}")
    if isinstance(reference := node.get("$ref"), str):
        _count(root, _pointed(root, reference), depth + 1, seen)
    for key, each in node.items():
        if key not in ("$defs", "definitions"):
            _count(root, each, depth + 1, seen)


def _pointed(root: Mapping[str, Any], reference: str) -> Any:
    if not reference.startswith("#/"):
        raise Unusable("the description of its arguments refers to something outside it")
    node: Any = root
    for part in reference[2:].split("/"):
        if not isinstance(node, dict) or part not in node:
            raise Unusable("the description of its arguments refers to something that is not in it")
        node = node[part]
    return node


def problems(tool: OfferedTool, given: Mapping[str, Any]) -> str:
    """What is wrong with a call's arguments, by the schema that was recorded; empty: nothing."""
    known = validators.validator_for(tool.arguments, default=validators.Draft202012Validator)
    # Without patterns: the server checks those itself. An empty registry fetches nothing.
    lenient: Any = validators.extend(known, {"pattern": _nothing})  # type: ignore[no-untyped-call]
    validator = lenient(tool.arguments, registry=Registry())
    found: Sequence[ValidationError] = sorted(validator.iter_errors(given), key=lambda each: list(map(str, each.path)))
    return "; ".join(f"{'.'.join(map(str, each.path)) or 'it'}: {each.message[:300]}" for each in found[:5])


def _nothing(*_: object) -> None:
    return None
