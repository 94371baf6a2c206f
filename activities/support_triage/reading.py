"""What a ticket's words say beside its intent: its language, how it sounds, and how urgent it is.

All offline: lingua tells languages apart by groups of letters, VADER the mood of English words. Neither obeys anything.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from contracts.support import PRIORITIES, Priority

Sentiment = Literal["", "negative", "neutral", "positive"]

LETTERS = re.compile(r"[^\W\d_]{2,}")
READ = 600  # characters of a text that are read for its language and its mood
SURE = 0.5  # probability below which a language isn't named
FEWEST = 8  # letters below which it is not guessed
NEGATIVE, POSITIVE = -0.35, 0.5  # of VADER's -1 to 1
FURIOUS = -0.7

# Told apart are the languages that support is written in most; fewer of them are told apart better.
CODES = (
    *("ar", "bn", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "hu", "id", "it", "ja", "ko", "nb", "nl"),
    *("pl", "pt", "ro", "ru", "sv", "ta", "th", "tr", "uk", "ur", "vi", "zh"),
)

URGENT = re.compile(
    r"\b(fraud\w*|stolen|hacked|compromised|unauthori[sz]ed|breach\w*|scam\w*|lawyer|legal action|police|"
    r"data loss|lost all|emergency|outage|production is down|everything is down|nobody can)\b",
    re.IGNORECASE,
)
HURRIED = re.compile(
    r"\b(urgent\w*|asap|as soon as possible|immediately|right now|right away|deadline|today|tonight|locked out|"
    r"cannot work|can't work|blocked|not working|broken|crash\w*)\b",
    re.IGNORECASE,
)
IMPORTANT = re.compile(r"\b(vip|enterprise|gold|platinum|premium|key[ -]account)\b", re.IGNORECASE)


@cache
def _languages() -> Any:
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    chosen = [getattr(IsoCode639_1, code.upper()) for code in CODES]
    return LanguageDetectorBuilder.from_iso_codes_639_1(*chosen).with_low_accuracy_mode().build()


def language(text: str) -> str:
    """Its ISO 639-1 code; empty where it can't be told: too short, or it might be several."""
    words = " ".join(LETTERS.findall(_without_marks(text)[:READ]))
    if len(words) < FEWEST and words.isascii():
        return ""
    likeliest = _languages().compute_language_confidence_values(words)[0] if words else None
    if likeliest is None or likeliest.value < SURE:
        return ""
    return str(likeliest.language.iso_code_639_1.name).lower()


def _without_marks(text: str) -> str:
    """Without what masking put in, links and addresses: they are of no language."""
    return re.sub(r"\[\w+\]|https?://\S+", " ", text[: 4 * READ])


@cache
def _moods() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def mood(text: str) -> float:
    """-1 (furious) to 1 (delighted), of English words."""
    return float(_moods().polarity_scores(text[:READ])["compound"])


def sentiment(text: str, language: str) -> Sentiment:
    """How it sounds; empty in a language whose words it doesn't know."""
    if language not in ("en", ""):
        return ""
    said = mood(text)
    return "negative" if said <= NEGATIVE else "positive" if said >= POSITIVE else "neutral"


def priority(text: str, language: str, tags: Sequence[str] = (), usual: Priority = "normal") -> tuple[Priority, str]:
    """How urgent, and why. `usual`: of tickets with this intent. `tags` tell of the customer."""
    why = [f"tickets like it are usually {usual}"] if usual != "normal" else []
    step = 0
    if found := URGENT.search(text):
        step, why = 2, [*why, f"says {found[0]!r}"]
    elif found := HURRIED.search(text):
        step, why = 1, [*why, f"says {found[0]!r}"]
    if language in ("en", "") and mood(text) <= FURIOUS:
        step, why = step + 1, [*why, "sounds very unhappy"]
    if any(IMPORTANT.search(tag) for tag in tags):
        step, why = step + 1, [*why, "an important customer"]
    place = min(PRIORITIES.index(usual) + step, len(PRIORITIES) - 1)
    return PRIORITIES[place], "; ".join(why) or "nothing speaks for another"
