"""Fresh inputs from those that tests use, and short descriptions of values. Deterministic for a seed."""

import copy
import random
import re
from typing import Any

LENGTH = 300
DEPTH = 6
Call = tuple[Any, ...]
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def described(value: Any, depth: int = 0) -> str:
    """A text that is the same for values that `==` calls equal, floats to nine digits. Cut after 300 characters."""
    if isinstance(value, bool | int | float):
        text = _number(value)
    elif depth >= DEPTH:
        text = "…"
    elif isinstance(value, list | tuple):
        inner = ",".join(described(each, depth + 1) for each in value[:60])
        text = f"[{inner}]{len(value)}" if isinstance(value, list) else f"({inner}){len(value)}"
    elif isinstance(value, set | frozenset):
        text = "{" + ",".join(sorted(described(each, depth + 1) for each in list(value)[:60])) + f"}}{len(value)}"
    elif isinstance(value, dict):
        pairs = sorted(f"{described(k, depth + 1)}:{described(v, depth + 1)}" for k, v in list(value.items())[:60])
        text = "{" + ",".join(pairs) + f":{len(value)}}}"
    else:
        text = ADDRESS.sub("", repr(value))
    return text[:LENGTH].encode("utf-8", "replace").decode()


def _number(value: float) -> str:
    if isinstance(value, float):
        return f"{value:.9g}"
    return f"{int(value):.9g}" if abs(value) < 10**9 else hex(value)


def inputs(calls: list[Call], count: int, seed: str) -> list[Call]:
    """Up to `count` argument tuples, none of them among `calls`, none twice."""
    rng = random.Random(seed)
    usable = [call for call in calls if call]
    if not usable:
        return []
    columns = {len(call): [other for other in usable if len(other) == len(call)] for call in usable}
    known, made = {described(call) for call in usable}, list[Call]()
    for _ in range(count * 6):
        call = rng.choice(usable)
        pool = columns[len(call)]
        arguments = list(copy.deepcopy(call))
        for at in rng.sample(range(len(arguments)), rng.randint(1, len(arguments))):
            arguments[at] = changed(arguments[at], [other[at] for other in pool], rng)
        key = described(tuple(arguments))
        if key not in known:
            known.add(key)
            made.append(tuple(arguments))
        if len(made) >= count:
            break
    return made


def changed(value: Any, others: list[Any], rng: random.Random) -> Any:
    """A value of the same type, near `value` or made of parts of what the tests use at its place."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        near = [value + 1, value - 1, value + rng.randint(2, 9), value * 2, value // 2]
        lowest = min([other for other in others if type(other) is int] or [value])
        return rng.choice([each for each in near if each >= lowest] or [value])
    if isinstance(value, float):
        return rng.choice([value + 1, value - 0.5, value * 1.5, round(value, 1), value + 0.25])
    if isinstance(value, str):
        return _string(value, [other for other in others if isinstance(other, str)], rng)
    if isinstance(value, list | tuple):
        rows = [other for other in others if isinstance(other, type(value))]
        return type(value)(_sequence(list(value), [part for row in rows for part in row], rng))
    if isinstance(value, dict):
        return _dictionary(dict(value), rng)
    return rng.choice(others) if others else value


def _string(value: str, others: list[str], rng: random.Random) -> str:
    separator = next((mark for mark in (" ", ",", "-", "/") if mark in value), None)
    if separator and rng.random() < 0.5:
        parts = [part for other in others for part in other.split(separator)]
        return separator.join(_sequence(value.split(separator), parts, rng))
    letters = "".join(others) or "a"
    characters = _sequence(list(value), list(letters), rng)
    return "".join(characters)


def _sequence(parts: list[Any], pool: list[Any], rng: random.Random) -> list[Any]:
    """One to three of: drop, double, exchange, replace by or insert a part of the pool, change a part, cut."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(parts)) if parts else 0
        act = rng.randrange(8)
        if act == 0 and parts:
            parts.pop(at)
        elif act == 1 and parts:
            parts.insert(at, copy.deepcopy(parts[at]))
        elif act == 2 and parts:
            other = rng.randrange(len(parts))
            parts[at], parts[other] = parts[other], parts[at]
        elif act == 3 and parts and pool:
            parts[at] = copy.deepcopy(rng.choice(pool))
        elif act == 4 and pool:
            parts.insert(rng.randint(0, len(parts)), copy.deepcopy(rng.choice(pool)))
        elif act == 5 and parts and not (isinstance(parts[at], str) and len(parts[at]) == 1):
            parts[at] = changed(parts[at], pool, rng)
        elif act == 6:
            parts = parts[: rng.randint(0, len(parts))]
        elif act == 7:
            rng.shuffle(parts)
    return parts


def _dictionary(table: dict[Any, Any], rng: random.Random) -> dict[Any, Any]:
    if not table:
        return table
    key = rng.choice(sorted(table, key=repr))
    if rng.random() < 0.5:
        del table[key]
    else:
        table[key] = changed(table[key], list(table.values()), rng)
    return table
