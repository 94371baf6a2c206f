"""Words that attack, and contracts that are full of them: every text field that a contract has, also a new one."""

import types
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from annotated_types import MaxLen
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from tests.console.samples import NOW

M = TypeVar("M", bound=BaseModel)

# Each would call `pwned`, load something from elsewhere, change what is seen, or speak to what is not the page.
ATTACKS = (
    "<script>pwned('script')</script>",
    "<img src=x onerror=pwned('img')>",
    "<svg onload=pwned('svg')><script>pwned('svg script')</script></svg>",
    "</title></textarea></pre></script></style><iframe src=//evil.example srcdoc='<script>parent.pwned(1)</script>'>",
    '" autofocus onfocus="pwned(\'double\')" style="background:url(//evil.example/d)" x="',
    "' autofocus onfocus='pwned(\"single\")' x='",
    "javascript:pwned('address') data:text/html,<script>pwned('data')</script>",
    "[a](javascript:pwned('markdown')) ![b](//evil.example/i.png) <javascript:pwned('auto')> [c]: data:text/html,x",
    "{{ 739*733 }} {% include '/etc/passwd' %} ${739*733} #{739*733}",
    "<!-- --!> <img src=//evil.example/c onerror=pwned('comment')> -->",
    "<![CDATA[<script>pwned('cdata')</script>]]>",
    "<base href=//evil.example/><link rel=stylesheet href=//evil.example/s.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "line\u2028and\u2029paragraph",
    "right \u202eot tfel\u202c, \u2066isolated\u2069, zero\u200bwidth, \ufeffmark, soft\u00adhyphen",
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31m \x08\x7f shown\rover it",
    "data: x\n\nevent: pwned\ndata: 1\r\n\r\nid: 9",
)
WORDS = "\n".join(ATTACKS)
MARKS = ("<script>pwned('script')</script>", "<img src=x onerror=pwned('img')>", "739*733", "⟨U+202E⟩", "⟨U+001B⟩")


def hostile(model: type[M], words: str = WORDS, **given: Any) -> M:
    """A contract with the words wherever it takes text; `given` are fields that have to be what they are."""
    fields = {name: _field(info, words) for name, info in model.model_fields.items() if name not in given}
    if "valid_until" in fields:
        fields["valid_until"] = NOW + timedelta(days=1)
    if {"days", "x"} <= set(fields):  # a plot stands over one of the two
        fields["x"] = ()
    return model.model_validate(fields | given)


def _field(info: FieldInfo, words: str) -> Any:
    made = _made(info.annotation, words)
    longest = [each.max_length for each in info.metadata if isinstance(each, MaxLen)]
    return made[: min(longest)] if longest and isinstance(made, (str, tuple)) else made


def _made(kind: Any, words: str) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _made(parts[0], words)
    if origin is Literal:
        return parts[0]
    if origin in (Union, types.UnionType):
        return _made(next(part for part in parts if part is not type(None)), words)
    if origin is tuple:
        return tuple(_each(parts[0], words))
    if origin in (dict, Mapping):
        return {words: words, "deep": {words: [words]}}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return hostile(kind, words)
    if kind is AwareDatetime:
        return NOW
    plain = {str: words, int: 1, float: 1.0, bool: True, Decimal: Decimal(1), datetime: NOW, date: NOW.date()}
    return plain[kind]


def _each(kind: Any, words: str) -> Iterator[Any]:
    """One of each that may stand there."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    several = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return (_made(each, words) for each in several)
