"""Personal data is taken out of a ticket before anything else sees it: each find becomes its kind in brackets.

    masked = mask("Hi, I'm Ana Silva, card 4111 1111 1111 1111")
    masked.text   # "Hi, I'm [name], card [card]"
    masked.kinds  # ("card", "name")

Presidio's recognisers find cards (their check digit), IBANs, addresses of machines and phone numbers; patterns of our
own, run by it, find the rest. No model of language is loaded and nothing is fetched, so names are found only by what
stands around them: greetings, signatures, "my name is". A name in the middle of a sentence stays.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

MOST_CHARACTERS = 20_000  # of a text that are read; what is beyond is left out, not let through

MOST_PEOPLE, MOST_NAME = 5, 80

# Kinds by Presidio's names for them. Where two overlap, the one that is longer is taken.
KINDS = {
    "EMAIL": "email",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip",
    "MAC_ADDRESS": "device",
    "CRYPTO": "wallet",
    "PHONE_NUMBER": "phone",
    "PASSPORT": "passport",
    "SECRET": "secret",
    "BIRTHDAY": "birthday",
    "LONG_NUMBER": "number",
    "ADDRESS": "address",
    "PERSON": "name",
}
REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "BR", "AU")

_OF = r"(?:(?:van|von|der|den|de|da|di|del|la|le|bin|al|el)[ ]){0,3}"
_NAME = rf"\p{{Lu}}[\p{{L}}'’-]+(?:[ ]{_OF}(?:\p{{Lu}}[.]|\p{{Lu}}[\p{{L}}'’-]+)){{0,3}}"
_NO_NAME = (  # words with a capital that stand where a name would
    r"(?!(?:There|Team|All|Support|Sirs?|Madam|Customer|Everyone|Everybody|Folks|Service|Help|Again|Guys|Please|"
    r"Thanks?|The|This|Your?|We|My|It|Is|In|On|At|To|And|Not|Very|So|Still|Just|Sorry|Sent|Best|Kind|Regards|Hello|Hi|"
    r"Dear|I|If|When|What|Where|Why|How|Can|Could|Do|Does|No|Yes|As|For|Order|Card|Account|Having|Trying|Unable)\b)"
)
_GREETING = r"(?:^|[.!?\n]\s{0,3})(?i:hi|hello|hey|dear|good (?:morning|day|evening))[ ,]{1,2}(?:(?:Mr|Mrs|Ms|Dr)\.? )?"
_I_AM = r"\b(?i:my name is|my name'?s|this is|i am|i['’]m|name:|signed|mein name ist|je m'appelle|me llamo)\s{1,2}"
_CLOSING = (
    r"(?i:regards|wishes|sincerely|cheers|thanks|thank you|best|yours|grüßen|grüße|saludos|cordialement|thx)"
    r"[ ]?[,.!]?\s{0,2}\n\s{0,3}"
)
_CLOSING_IN_LINE = r"(?i:regards|wishes|sincerely|cheers|thanks|yours truly|saludos|cordialement)[ ]?,\s"
_PAPER = (
    r"(?:passport|reisepass|pasaporte|passeport|passaporto|passaporte|identity card|id card|personalausweis|"
    r"driving licen[cs]e|driver'?s licen[cs]e)[^\n]{0,25}?"
)
_ON = rf"(?:(?:{_OF}\p{{Lu}}[\p{{L}}.'’-]{{1,30}}|\d{{1,3}}(?:st|nd|rd|th))[ ]){{1,4}}"  # the words of a street's name
_TOWN = (
    r"(?:,?[ ]{1,2}(?:\p{Lu}[\p{L}'’-]{1,30},?[ ]){0,2}"
    r"(?:\d{4,5}(?:[ ]?[A-Z]{2})?|[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2})\b(?:[ ]\p{Lu}[\p{L}-]{1,30}){0,2})?"
)
_KIND_OF_STREET = (
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Square|Terrace|Crescent|Highway|Hwy|"
    r"Parkway|Gardens)\b[.]?"  # without Place, Close and Row, which begin sentences
)
_CAPITAL = r"\p{Lu}[\p{L}'’-]{1,30}"
_STREETS = (
    rf"(?<![\w.])\d{{1,5}}[A-Z]?,?[ ]{_ON}{_KIND_OF_STREET}",
    r"\b\p{Lu}[\p{L}-]{2,40}(?:straße|strasse|str[.]|weg|platz|allee|gasse)[ ]\d{1,4}(?:[ ]?[a-z])?\b"
    r"(?![ ]?(?:km|m|min|Minuten|Stunden|Tage)\b)",
    r"(?<![\w.])\d{1,4}(?:[ ]?(?:bis|ter))?,?[ ](?i:rue|avenue|boulevard|quai|allée|chemin|impasse)[ ]"
    rf"(?:(?:de|du|des|la|le|les|l['’])[ ]?){{0,3}}{_CAPITAL}(?:[ ]{_CAPITAL}){{0,3}}",
    r"\b(?:[Cc]alle|C/|[Aa]venida|Avda[.]|Plaza|Paseo|Via|Viale|Piazza|Corso|Rua|Travessa)[ ]"
    rf"{_OF}{_CAPITAL}(?:[ ]{_OF}{_CAPITAL}){{0,3}},?[ ](?:n[º°.][ ]?)?\d{{1,4}}\b",
)
_LIKE_NAME = r"[\p{L}'’-]{2,30}(?:\s(?!and\b|i\b|my\b|but\b|from\b|with\b)[\p{L}'’-]{2,30})?"

# Entity, pattern, whether capitals count, and what every find of it has in it or before it: a text without that is not
# searched, which is most of the time that masking takes. What is behind may be of any length: Presidio runs the `regex`
# package.
PATTERNS: tuple[tuple[str, str, bool, str], ...] = (
    ("EMAIL", r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[\w-]{1,63}\.){1,8}\p{L}{2,63}", False, "@"),
    (
        "EMAIL",
        r"[\w.+-]{1,64}\s?[(\[{]at[)\]}]\s?[\w-]{1,63}(?:\s?(?:\.|[(\[]dot[)\]]|\bdot\b)\s?[\w-]{1,63}){1,8}",
        False,
        r"[(\[{]at",
    ),
    ("PASSPORT", rf"(?<={_PAPER})\b(?=(?:[A-Z]*[0-9]){{3}})[A-Z0-9]{{6,14}}\b", False, r"\d"),
    ("PASSPORT", r"\b\d{3}-\d{2}-\d{4}\b", False, r"\d"),
    ("BIRTHDAY", r"(?<=(?:born|birth|birthday|dob|geboren)[^\n\d]{0,20})\d{1,4}[./-]\d{1,2}[./-]\d{1,4}", False, r"\d"),
    (
        "SECRET",
        r"(?<=(?:password|passwort|passcode|pin|cvv|cvc)\s{0,3}(?:is|was|:|=)\s{0,3})[^\s,;]{3,64}",
        False,
        "pass|pin|cv",
    ),
    ("LONG_NUMBER", r"(?<![\d.-])\d(?:[ -]?\d){10,18}(?![\d-])", False, r"\d"),
    *(("ADDRESS", rf"{street}{_TOWN}", True, r"\d") for street in _STREETS),
    ("PERSON", rf"(?<={_GREETING}){_NO_NAME}{_NAME}", True, r"\b(?:hi|hello|hey|dear|good)\b"),
    (
        "PERSON",
        rf"(?<=\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Señor|Señora|Mme)\.?\s){_NAME}",
        True,
        r"\b(?:M[rs]|Miss|Dr|Prof|Herr|Frau|Señor|Mme)",
    ),
    ("PERSON", rf"(?<={_I_AM}){_NO_NAME}{_NAME}", True, r"name|this is|i am|i['’]m|signed|appelle|llamo"),
    ("PERSON", rf"(?<=\bmy name is\s{{1,2}}){_LIKE_NAME}", False, "my name is"),
    ("PERSON", rf"(?<={_CLOSING}){_NO_NAME}{_NAME}(?=\s*(?:$|\n))", True, "\n"),
    ("PERSON", rf"(?<={_CLOSING_IN_LINE}){_NO_NAME}{_NAME}(?=\s*\.?\s*(?:$|\n))", True, ","),
)

_HIDDEN = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


@dataclass(frozen=True)
class Masked:
    """`kinds`: what was found, each once, in order of the alphabet. `left_out`: characters that were not read."""

    text: str
    kinds: tuple[str, ...]
    left_out: int = 0


def mask(text: str, people: Sequence[str] = ()) -> Masked:
    """The text without personal data, as far as it is found. Letters and digits of other widths are made plain.

    `people`: names that are known to be some, such as the sender's; they are found wherever they stand.
    """
    read = text[:MOST_CHARACTERS]
    plain = _HIDDEN.sub("", unicodedata.normalize("NFKC", read))[: 2 * MOST_CHARACTERS]
    found = list(_apart(iter([*_found(plain), *_known(plain, people)])))
    parts, at = [], 0
    for start, end, kind in found:
        parts += [plain[at:start], f"[{kind}]"]
        at = end
    parts.append(plain[at:])
    return Masked("".join(parts), tuple(sorted({kind for *_, kind in found})), len(text) - len(read))


def _found(text: str) -> Iterator[tuple[int, int, str]]:
    for recogniser, needed in _recognisers():
        if needed.search(text) is None:
            continue
        for find in recogniser.analyze(text, recogniser.supported_entities, None):
            if find.score > 0:
                yield find.start, find.end, KINDS[find.entity_type]


def _known(text: str, people: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """The whole of each name in any letters, and each part of it with its capital."""
    for name in (_plain(each)[:MOST_NAME] for each in people[:MOST_PEOPLE]):
        parts = [each for each in re.findall(r"[^\W\d_][\w'’-]{2,}", name) if each[0].isupper() and is_name(each)]
        for part in parts:
            yield from ((found.start(), found.end(), "name") for found in re.finditer(rf"\b{re.escape(part)}\b", text))
        if parts:
            whole = re.finditer(rf"\b{re.escape(name)}\b", text, re.IGNORECASE)
            yield from ((found.start(), found.end(), "name") for found in whole)


def is_name(word: str) -> bool:
    """Not one of the words that stand in a greeting, too: a sender may be called Customer Support."""
    return re.match(_NO_NAME, word) is not None


def _plain(text: str) -> str:
    return " ".join(_HIDDEN.sub("", unicodedata.normalize("NFKC", text)).split())


def _apart(found: Iterator[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """Finds that don't overlap, in order: of those that do, the longest, and all that any of them covers."""
    start, end, kind, longest = 0, 0, "", 0
    for first, last, of in sorted(found):
        if first >= end:
            if kind:
                yield start, end, kind
            start, end, kind, longest = first, last, of, last - first
            continue
        end = max(end, last)
        if last - first > longest:
            kind, longest = of, last - first
    if kind:
        yield start, end, kind


@cache
def _recognisers() -> Sequence[tuple[Any, re.Pattern[str]]]:
    """Each with what its finds need. Made once: they hold compiled patterns, and no state of a text."""
    from presidio_analyzer import Pattern, PatternRecognizer
    from presidio_analyzer.predefined_recognizers import (
        CreditCardRecognizer,
        CryptoRecognizer,
        IbanRecognizer,
        IpRecognizer,
        MacAddressRecognizer,
        PhoneRecognizer,
    )

    ours = [
        (
            PatternRecognizer(
                supported_entity=entity,
                name=f"{entity.lower()}-{place}",
                patterns=[Pattern(f"{entity.lower()}-{place}", pattern, 0.5)],
                global_regex_flags=re.MULTILINE if is_cased else re.MULTILINE | re.IGNORECASE,
            ),
            needed,
        )
        for place, (entity, pattern, is_cased, needed) in enumerate(PATTERNS)
    ]
    theirs = [
        (CreditCardRecognizer(), r"\d"),
        (IbanRecognizer(), r"\d"),
        (IpRecognizer(), r"[\d:]"),
        (MacAddressRecognizer(), r"[:.-]"),
        (CryptoRecognizer(), r"\w{20}"),
        (PhoneRecognizer(supported_regions=REGIONS), r"\d"),
    ]
    return tuple((each, re.compile(needed, re.IGNORECASE)) for each, needed in (*theirs, *ours))
