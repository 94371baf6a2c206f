"""JSON Schemas of pydantic types, in the form that every provider takes."""

from typing import Any

from pydantic import BaseModel

ANNOTATIONS = ("title", "default", "examples")  # words for people, and defaults that strict schemas refuse


def closed_schema(model: type[BaseModel], *, all_required: bool = True) -> dict[str, Any]:
    """The schema of a type with nothing in it that was not declared.

    `all_required`: fields with a default are asked for as well, as strict structured output wants it.
    """
    closed: dict[str, Any] = _closed(model.model_json_schema(), all_required)
    return closed


def _closed(node: Any, all_required: bool) -> Any:
    if isinstance(node, list):
        return [_closed(item, all_required) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if key not in ANNOTATIONS}
    closed = {key: _named(key, value, all_required) for key, value in kept.items()}
    if isinstance(closed.get("properties"), dict):
        closed["additionalProperties"] = False
        if all_required:
            closed["required"] = list(closed["properties"])
    return closed


def _named(key: str, value: Any, all_required: bool) -> Any:
    """Under `properties` and `$defs` the keys are names, of which one may be "title" or "default"."""
    if key in ("properties", "$defs") and isinstance(value, dict):
        return {name: _closed(schema, all_required) for name, schema in value.items()}
    if key in ("enum", "const", "required"):
        return value
    return _closed(value, all_required)


def is_closed(node: Any) -> bool:
    """Whether strict structured output takes a schema: every object closed, every property required."""
    if isinstance(node, list):
        return all(map(is_closed, node))
    if not isinstance(node, dict):
        return True
    properties = node.get("properties")
    if isinstance(properties, dict):
        required = set(node.get("required", ()))
        if node.get("additionalProperties") is not False or required != set(properties):
            return False
        return all(map(is_closed, properties.values())) and all(
            is_closed(value) for key, value in node.items() if key != "properties"
        )
    return node.get("type") != "object" and all(map(is_closed, node.values()))
