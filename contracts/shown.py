"""Text that others wrote, on its way to a person's eyes: hidden characters spelt out, Markdown made words.

Subjects, file names, paths and people's words come from the world. A terminal obeys escape sequences, the
Temporal UI renders Markdown, and a bidirectional override makes any page show something else than is there.
"""

import re
import unicodedata
from typing import Final

HIDDEN: Final = {"Cf", "Cc", "Cs", "Co", "Zl", "Zp"}
# Ordinary white space, and the joiners that emoji and several scripts need.
HARMLESS: Final = frozenset({"\n", "\t", "\r", "\u200d", "\u200c", "\ufe0f"})
SUMMARY_BYTES: Final = 380  # the Temporal server refuses a summary over 400, and the run's task with it

_MARKDOWN = re.compile(r"([\\`*\[\]<>|~])")


def spelt(text: str, harmless: frozenset[str] = HARMLESS) -> str:
    """The text with its invisible characters (controls, bidirectional overrides) written as ⟨U+202E⟩."""
    if text.isprintable():
        return text
    return "".join(char if is_visible(char, harmless) else f"⟨U+{ord(char):04X}⟩" for char in text)


def is_visible(char: str, harmless: frozenset[str] = HARMLESS) -> bool:
    return char in harmless or unicodedata.category(char) not in HIDDEN


def words(text: str) -> str:
    """The text as Markdown that renders as itself, on one line: no link, image, code or emphasis of its own."""
    return _MARKDOWN.sub(r"\\\1", spelt(" ".join(text.split())))


def summary(text: str) -> str:
    """`words`, no longer than the Temporal server takes for a summary."""
    whole = words(text)
    if len(whole.encode()) <= SUMMARY_BYTES:
        return whole
    cut = whole.encode()[: SUMMARY_BYTES - 3].decode(errors="ignore")
    return cut.rstrip("\\") + "…"
