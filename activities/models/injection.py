"""Does a text from outside speak to a machine? Cheap, deterministic, and only ever shown.

What is found goes to the reviewer with its words quoted. Nothing relies on it: a text in which nothing is found is as
untrusted as any other, and a finding stops nothing. What protects is named in docs/models.md.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

LONGEST = 200_000  # characters of one text that are read
QUOTE = 160
HIDDEN_RUN = 8  # invisible characters in a row: more than any script or emoji needs


@dataclass(frozen=True)
class Finding:
    """What a text seems to want, and its own words."""

    what: str
    quote: str


ACT: Final = (
    "grant|give|share|transfer|send|forward|deposit|withdraw|pay|sell|buy|purchase|order|unlock|disable|deactivate|"
    "delete|erase|wipe|move|redirect|update|change|create|schedule|book|dispatch|initiate|guide|leave|use|upload|"
    "reset|approve|revoke|subscribe|retrieve|fetch|obtain|access|provide|export|post|publish|call|turn|set|save"
)
OWN: Final = r"(?:my|our|the user'?s?|all (?:of )?(?:my|the)|your user'?s?|me|I'm|I am)"
# Something to act on that is named exactly: an amount, an address, an id, a path, a name in quotes.
NAMED: Final = (
    r"(?:\$\s?\d|\b[\w.+-]+@[\w-]+\.\w|\(\s?(?:ID|code|number|id)\b|\bID\s?'?\w*\d|['\"][~/#.][^'\"\n]+['\"]|\['|"
    r"['\"]www\.|\b(?:name|named|called|titled) ['\"])"
)
ANSWER: Final = r"(?:answers?|response|reply|replies|output|message)"
WRITING: Final = (
    "provide|write|modify|change|encode|translate|format|give|make|alter|adjust|rewrite|anagram|answer|craft|augment|"
    "enhance|render|replace|jumble|scramble|enrich|supplement|extend|complement|embed|insert|add|mix|present|deliver|"
    "compose|express|begin|end|start|finish|include"
)
EARLIER: Final = r"(?:previous|prior|above|earlier|preceding|your|all|any|the system)"
RULES: Final = r"(?:instructions?|prompts?|directions|guidelines|guardrails|commands)"
QUIET: Final = r"(?:tell|telling|inform\w*|mention\w*|alert\w*|notify\w*|reveal\w*)"
ASIDE: Final = "to set rules aside"
PART: Final = "to play a part"
REWORD: Final = "to change the answer"
ACTING: Final = "to act for somebody"
PATTERNS: Final = (
    (ASIDE, rf"\b(?:ignore|disregard|forget|override|bypass)\b[^.\n]{{0,30}}\b{EARLIER}\b[^.\n]{{0,30}}\b{RULES}\b"),
    (ASIDE, r"\b(?:ignore|disregard|forget) (?:the |all )?(?:rules|everything) (?:above|before|so far)\b"),
    (PART, r"\byou are (?:now|no longer) (?:an?|the|in|my|bound)\b|\bfrom now on,? you (?:are|must|will)\b"),
    (PART, r"\b(?:new|updated|important|hidden) system instructions?\b|\bnew instructions?\s*:"),
    (PART, r"\binstructions? for (?:the |an )?(?:ai|assistant|llm|language model|agent)\b"),
    ("to tell its rules", rf"\b(?:reveal|print|repeat|show|output|leak) (?:your|the) (?:\w+ )?{RULES}\b"),
    (REWORD, rf"\b(?:in|to|into|of|from|with|within|throughout|for) (?:all )?(?:of )?your (?:\w+ )?{ANSWER}\b"),
    (REWORD, rf"\b(?:{WRITING})\b[^.\n]{{0,40}}\byour (?:own |final )?{ANSWER}\b"),
    (
        "to keep it quiet",
        rf"\b(?:do not|don't|never|without) {QUIET}\b[^.\n]{{0,40}}\b(?:users?|reviewers?|humans?|owner|anyone)\b",
    ),
    (
        "to be taken for the platform",
        r"<\|(?:im_start|im_end|system|endoftext)\|>|\[/?INST\]|<</?SYS>>|</?(?:system|assistant|tool_result|"
        r"function_calls)>|^#{2,} ?(?:system|instruction)s?\s*:?$|\b(?:BEGIN|END) SYSTEM\b",
    ),
    (ACTING, rf"\b(?:kindly|please) (?:{ACT}) [^\n]{{0,100}}?\b{OWN} [^\n]{{0,80}}"),
    (ACTING, rf"\bplease (?:{ACT}) [^\n]{{0,120}}?{NAMED}"),
    (ACTING, rf"(?:^|[.!?:,'\"(>]\s{{0,3}})(?:{ACT}) [^.\n]{{0,60}}?\b(?:my|our) [^\n]{{0,80}}"),
)
COMPILED: Final = [(what, re.compile(pattern, re.IGNORECASE | re.MULTILINE)) for what, pattern in PATTERNS]
_HIDDEN = re.compile(
    r"[\U000e0000-\U000e007f]+|[\u200b\u2060-\u2064\ufeff\u00ad\u200e\u200f\u202a-\u202e\u2066-\u2069]+"
)


def findings(text: str) -> list[Finding]:
    """What a text seems to want of whoever reads it by machine, one finding a kind."""
    whole = text[:LONGEST]
    found = {finding.what: finding for finding in reversed([*hidden(whole), *spoken(whole)])}
    return list(reversed(found.values()))


def spoken(text: str) -> list[Finding]:
    plain = unicodedata.normalize("NFKC", _HIDDEN.sub("", text)).replace("’", "'")
    return [
        Finding(what, quoted(match.group()))
        for what, pattern in COMPILED
        if (match := pattern.search(plain)) is not None
    ]


def hidden(text: str) -> list[Finding]:
    """Words in characters that no person sees: Unicode's tags spell ASCII."""
    for match in _HIDDEN.finditer(text):
        run = match.group()
        tags = "".join(chr(ord(char) - 0xE0000) for char in run if 0xE0020 <= ord(char) < 0xE007F)
        # A flag of a region is an emoji and up to six tags; nothing else needs them.
        if len(run) >= HIDDEN_RUN:
            return [Finding("to be read by machines only", quoted(tags) or f"{len(run)} invisible characters")]
    return []


def quoted(text: str) -> str:
    clean = " ".join(text.split())
    return clean if len(clean) <= QUOTE else clean[: QUOTE - 1] + "…"
