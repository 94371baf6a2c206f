"""The terms of an entry: what it can be found by. Both databases are handed these and split nothing themselves, so the
same question has the same answer in both."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from contracts.finding import Query
from ledger.schema import clean

LONGEST = 64  # letters of a word that count: digests and keys are whole
MOST = 200  # words of one entry
_WORD = re.compile(r"[^\W_]+")
_SAID = ("says", "name", "actor", "run", "workflow", "kind")
FIELDS = ("run", "kind", "person", "workflow", "team", "repository")
_REPOSITORIES = ("repository", "repo")


def words(text: str) -> list[str]:
    """Letters and digits, folded: `Zażółć_42` is `zazołc` (ł is a letter of its own) and `42`."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return [word[:LONGEST] for word in _WORD.findall(plain)]


def field(name: str, value: str) -> str:
    """One field's exact value, of one length. No word has `=` in it, so text can't pass for it."""
    return f"{name}={blake2b(clean(value).encode(), digest_size=10).hexdigest()}"


def asked(query: Query) -> tuple[frozenset[str], frozenset[str]] | None:
    """The terms that an entry has to have, and the beginnings of such. None: nothing can match."""
    exact = {field(name, value) for name in FIELDS if (value := getattr(query, name))}
    begun: set[str] = set()
    for part in query.words.split():
        found = words(part)
        if found and part.endswith("*"):
            begun.add(found.pop())
        exact.update(found)
    if query.words.strip() and not (begun or any(map(words, query.words.split()))):
        return None
    return frozenset(exact), frozenset(begun)


def matches(terms: frozenset[str], exact: frozenset[str], begun: frozenset[str]) -> bool:
    return exact <= terms and all(any(term.startswith(one) for term in terms) for one in begun)


def terms_of(entry: Mapping[str, Any], run: Mapping[str, Any] | None) -> frozenset[str]:
    """Of an entry's body and its run's row."""
    facts: Mapping[str, Any] = entry["facts"]
    found = {word for text in _texts(entry, facts) for word in words(text)}
    if len(found) > MOST:
        found = set(sorted(found)[:MOST])
    return frozenset(found | {field(name, value) for name, value in _fields(entry, facts, run or {}) if value})


def _texts(entry: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[str]:
    yield from (entry[name] for name in _SAID)
    yield from _strings(facts)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _fields(entry: Mapping[str, Any], facts: Mapping[str, Any], run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "run", entry["run"]
    yield "kind", entry["kind"]
    yield "workflow", entry["workflow"] or run.get("workflow", "")
    yield "person", entry["actor"]
    if entry["kind"] == "person":  # `person/NAME/time`: whose keys or roles changed
        yield "person", entry["key"].removeprefix("person/").rpartition("/")[0]
    yield "team", run.get("team", "")
    for each in ("person", "team"):
        if isinstance(value := facts.get(each), str):
            yield each, value
    named = [run.get("repository", ""), *(facts.get(each) for each in _REPOSITORIES)]
    for name in named:
        if isinstance(name, str) and name:
            yield "repository", name
            yield "repository", name.rstrip("/").rpartition("/")[2].removesuffix(".git")
