"""Which functions a text is about: BM25 over the words of names, attributes, strings and comments."""

import math
import re
from collections import Counter
from collections.abc import Mapping

WORD = re.compile(r"[A-Za-z][a-z]+|[A-Z]{2,}(?![a-z])|\d{2,}")
COMMON = frozenset(
    [
        "the",
        "and",
        "for",
        "not",
        "self",
        "return",
        "with",
        "this",
        "that",
        "from",
        "def",
        "none",
        "true",
        "false",
        "are",
        "was",
        "has",
        "have",
        "but",
    ]
)
K1, B = 1.2, 0.75  # as usual (Robertson and Zaragoza 2009)
NAMED = 3.0  # a document whose very name the text mentions


def words(text: str) -> list[str]:
    """Lower-case parts of identifiers and words: `parse_HTTPDate` is parse, http, date."""
    return [word for match in WORD.finditer(text) if (word := match.group().lower()) not in COMMON]


def relevance(text: str, documents: Mapping[str, str]) -> dict[str, float]:
    """Score of each document (by its name) for `text`; 0 where they share nothing."""
    asked = Counter(words(text))
    held = {name: Counter(words(f"{name} {body}")) for name, body in documents.items()}
    lengths = {name: sum(count.values()) for name, count in held.items()}
    average = sum(lengths.values()) / max(len(lengths), 1) or 1.0
    rare = {word: _rarity(sum(word in count for count in held.values()), len(held)) for word in asked}
    scores = {}
    for name, count in held.items():
        norm = K1 * (1 - B + B * lengths[name] / average)
        scores[name] = sum(rare[word] * count[word] * (K1 + 1) / (count[word] + norm) for word in asked if count[word])
        last = name.rsplit(":", 1)[-1].rsplit(".", 1)[-1]
        if len(last) > 2 and re.search(rf"(?<!\w){re.escape(last)}(?!\w)", text):
            scores[name] += NAMED
    return scores


def _rarity(holding: int, total: int) -> float:
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))
