"""What a person typed for a parameter of an effect, as the kind of value that is there."""

import json

from pydantic import JsonValue

from contracts.decision import ParamChange
from contracts.errors import BadInput
from contracts.proposal import Effect


def typed(effect: Effect, name: str, text: str) -> ParamChange:
    """The change that the text means. A form's line ends become those of the value that is there.

    BadInput for a parameter that isn't to be changed, and for a text that is no number where one is, or the like.
    """
    if name not in effect.editable:
        raise BadInput(
            f"{name!r} of “{effect.says}” can't be changed by a reviewer.",
            subject=name,
            way_out=f"These can: {', '.join(effect.editable)}." if effect.editable else "Ask for changes instead.",
        )
    return ParamChange(effect=effect.key, param=name, value=_value(name, effect.params.get(name), text))


def _value(name: str, current: JsonValue, text: str) -> JsonValue:
    if isinstance(current, str):
        return text if "\r\n" in current else text.replace("\r\n", "\n")
    try:
        value: JsonValue = json.loads(text, parse_constant=_no_number)
    except ValueError:
        raise BadInput(
            f"{text!r} is no value for {name}.", subject=name, way_out=f"Write it like {json.dumps(current)}."
        ) from None
    return value


def shown(value: JsonValue) -> str:
    """The value as a person edits it; `typed` of it is the value again."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _no_number(name: str) -> None:
    raise ValueError(name)
