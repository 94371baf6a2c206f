"""Text that others wrote can't act: not in a terminal, not in the Temporal UI."""

import pytest
from markdown_it import MarkdownIt

from contracts import shown

HOSTILE = (
    "[click](https://evil.example)",
    "![x](https://evil.example/pixel.png)",
    "`code` and **bold** and ~~gone~~",
    "<img src=//evil.example>",
    "<https://evil.example>",
    "# a heading\n\n- a list\n\n| a | table |",
    "\x1b[2J\x1b]8;;https://evil.example\x07here\x1b]8;;\x07",
    "safe\u202egnp.exe",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_words_render_as_themselves(text: str) -> None:
    made = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(f"Reading {shown.words(text)}")
    assert made.startswith("<p>")
    for tag in ("<a", "<img", "<code", "<strong", "<s>", "<h1", "<li", "<table"):
        assert tag not in made
    assert all(shown.is_visible(char) for char in made)


def test_ordinary_words_stay_as_they_are() -> None:
    for text in (
        "Commit 14 lines to CHANGELOG.md on branch countersign/changelog-3fa9 as A_B",
        "/srv/app_two",
        "Zoë 👩‍💻",
    ):
        assert shown.words(text) == text


@pytest.mark.parametrize("text", ["漢" * 1000, "[" * 1000, "\\" * 1000, "a" * 1000])
def test_a_summary_fits_the_server(text: str) -> None:
    made = shown.summary(text)
    assert len(made.encode()) <= shown.SUMMARY_BYTES
    assert made.endswith("…")
    assert MarkdownIt().render(made).count("<") == 2, "what was cut off is no markup"


def test_hidden_characters_are_spelt() -> None:
    assert shown.spelt("a\u202eb\x1b") == "a⟨U+202E⟩b⟨U+001B⟩"
    assert shown.spelt("two\nlines\r") == "two\nlines\r"
    assert shown.spelt("over\rwritten", frozenset("\n")) == "over⟨U+000D⟩written"
