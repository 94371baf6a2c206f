"""The entry as text, and from a person's text back to lines."""

from collections import Counter

import pytest
from markdown_it import MarkdownIt

from activities.changelog import edit
from activities.changelog.render import MAX_LINES, contributors, entry, escaped, make_draft
from contracts.changelog import SECTIONS, Change, History, LeftOut, Line, Section
from contracts.errors import BadInput

SHAS = [f"{number:040x}"[::-1] for number in range(0x1A2B3C, 0x1A2B3C + 6)]


def history(**more: object) -> History:
    changes = tuple(
        Change(sha=sha, time=number, subject=f"Change {number}", author=author)
        for number, (sha, author) in enumerate(
            zip(SHAS, ["Ada", "ada ", "Grace", "dependabot[bot]", "Renovate Bot", "Bob Abbott"], strict=True)
        )
    )
    fields: dict[str, object] = {
        "repository": "/r",
        "web_url": "https://github.com/o/r",
        "base_says": "since v1",
        "head": SHAS[-1],
        "changes": changes,
        "changelog_path": "CHANGELOG.md",
        "changelog_text": None,
    }
    return History.model_validate({**fields, **more})


LINES = (
    Line(section="Fixed", text="Stop the crash", changes=(SHAS[0],), references=("#12",)),
    Line(section="Breaking", text="Remove `old()`", changes=(SHAS[1], SHAS[2])),
)


def test_breaking_comes_first_and_links_lead_to_the_forge() -> None:
    text = entry(history(), "Unreleased", LINES, ("Ada", "Grace"))
    first, second = SHAS[1], SHAS[2]
    assert text == (
        "## Unreleased\n\n### Breaking changes\n\n"
        f"- **Breaking:** Remove `old()` ([{first[:9]}](https://github.com/o/r/commit/{first}), "
        f"[{second[:9]}](https://github.com/o/r/commit/{second}))\n\n"
        "### Fixed\n\n- Stop the crash ([#12](https://github.com/o/r/issues/12), "
        f"[{SHAS[0][:9]}](https://github.com/o/r/commit/{SHAS[0]}))\n\n"
        "### Contributors\n\n- Ada, Grace\n"
    )


def test_without_a_forge_there_are_short_shas() -> None:
    text = entry(history(web_url=""), "Unreleased", LINES)
    assert f"- Stop the crash (#12, {SHAS[0][:9]})\n" in text


def test_the_entry_follows_the_file() -> None:
    keep = "# C\n\n## [1.0.0] - 2024-01-01\n\n* a\n"
    assert entry(history(changelog_text=keep), "Unreleased", LINES).startswith("## [Unreleased]\n")
    assert "\n* Stop the crash" in entry(history(changelog_text=keep), "Unreleased", LINES)
    rst = entry(history(changelog_path="CHANGES.rst", changelog_text="C\n=\n\n1.0\n^^^\n\n- a\n"), "Next", LINES)
    assert rst.startswith("Next\n^^^^\n\nBreaking changes\n~~~~~~~~~~~~~~~~\n")
    assert f"`#12 <https://github.com/o/r/issues/12>`__, `{SHAS[0][:9]} <" in rst


HOSTILE = [
    "# Heading",
    "- item\n\n## Heading",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "https://evil.example and www.evil.example",
    "<https://evil.example>",
    "`unclosed <b>",
    "`` a ` b ``",
    "a\r\n\r\n---\r\n# x",
    "1. numbered",
    "> quote",
    "&lt;b&gt; &#60;b&#62;",
    "*em* _em_ __strong__ ~~gone~~ snake_case_name",
    "back\\slash \\[x](y)",
    "[ref][1]\n\n[1]: https://evil.example",
    "\u202eright to left\u200b",
    "| a | b |\n|---|---|",
    "`code` <b>",
    "```\nfence\n```",
]


@pytest.mark.parametrize("subject", HOSTILE)
def test_a_subject_is_only_ever_words(subject: str) -> None:
    line = Line(section="Fixed", text=subject, changes=(SHAS[0],))
    text = entry(history(web_url=""), "Unreleased", [line])
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    kinds = {token.type for token in tokens} | {child.type for token in tokens for child in token.children or []}
    assert kinds <= {
        "heading_open", "heading_close", "inline", "text", "text_special", "code_inline",
        "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close",
        "paragraph_open", "paragraph_close",
    }  # fmt: skip
    assert sum(token.type == "heading_open" for token in tokens) == 2
    assert sum(token.type == "list_item_open" for token in tokens) == 1
    assert "\u202e" not in text


def test_ordinary_words_stay_readable() -> None:
    assert escaped("Fix snake_case in `foo_bar(x)` (50% faster)", "markdown") == (
        "Fix snake_case in `foo_bar(x)` (50% faster)"
    )


@pytest.mark.parametrize(
    ("subject", "read"),
    [
        ("2.0.0 is out", "2.0.0 is out"),
        ("3. Sort again", "3. Sort again"),
        ("1) first", "1) first"),
        ("#12 again", None),
    ],
)
def test_a_number_at_the_start_reads_as_it_is(subject: str, read: str | None) -> None:
    rendered = MarkdownIt("commonmark").render("- " + escaped(subject, "markdown"))
    assert rendered == f"<ul>\n<li>{read or subject}</li>\n</ul>\n"


def test_contributors_are_named_once_and_bots_are_not() -> None:
    assert contributors(history()) == ("Ada", "Grace", "Bob Abbott")


def test_an_entry_is_bounded_and_what_is_beyond_is_named() -> None:
    many = [Line(section="Fixed", text="x" * 5000, changes=(SHAS[0],)) for _ in range(MAX_LINES + 2)]
    draft = make_draft(history(), "Unreleased", many, [LeftOut(sha=SHAS[1], subject="s", why="w")])
    assert len(draft.lines) == MAX_LINES
    assert [out.sha for out in draft.left_out] == [SHAS[1], SHAS[0], SHAS[0]]
    assert len(draft.markdown) < MAX_LINES * 700


def test_past_the_bound_each_section_gives_way_and_breaking_last() -> None:
    def lines(section: Section, count: int) -> list[Line]:
        return [Line(section=section, text=f"{section} {n}", changes=(SHAS[0],)) for n in range(count)]

    many = [*lines("Added", MAX_LINES), *lines("Fixed", MAX_LINES), *lines("Breaking", 20)]
    draft = make_draft(history(), "Unreleased", many)
    counts = Counter(line.section for line in draft.lines)
    assert counts == {"Breaking": 20, "Added": 240, "Fixed": 240}
    assert [line.section for line in draft.lines] == sorted(counts.elements(), key=SECTIONS.index)


# Edits


def test_an_edit_that_changes_nothing_cites_the_same_commits() -> None:
    for path, text in (("CHANGELOG.md", None), ("CHANGES.rst", "C\n=\n\n1.0\n---\n\n- a\n")):
        told = history(changelog_path=path, changelog_text=text)
        draft = make_draft(told, "Unreleased", LINES)
        again = edit.from_text(draft.markdown, told, draft)
        assert [(line.section, line.changes) for line in again.lines] == [
            (line.section, line.changes) for line in draft.lines
        ]
        assert again.markdown == draft.markdown
        assert again.drafted_by == "person"


def test_an_edit_keeps_a_line_whose_citation_was_taken_away() -> None:
    draft = make_draft(history(), "Unreleased", LINES)
    again = edit.from_text("## Unreleased\n\n### Fixed\n\n- Stop the crash!\n", history(), draft)
    assert again.lines[0].changes == (SHAS[0],)


def test_a_line_of_several_rows_is_one_line() -> None:
    draft = make_draft(history(), "Unreleased", LINES)
    text = f"## Unreleased\n\n### Added\n\n- A long\n  story ({SHAS[3][:7]})\n"
    assert [line.changes for line in edit.from_text(text, history(), draft).lines] == [(SHAS[3],)]


def test_an_edit_may_lose_its_heading() -> None:
    draft = make_draft(history(), "Unreleased", LINES)
    assert edit.from_text("- Words only", history(), draft).markdown == "## Unreleased\n\n- Words only\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("x" * 200_001, "200,001 characters"),
        ("## U\n\n- Invented (deadbe1)\n", "cites 'deadbe1'"),
        ("## U\n\n- Inv\0ented\n", "zero byte"),
    ],
)
def test_an_edit_that_cannot_be_used_is_refused(text: str, says: str) -> None:
    draft = make_draft(history(), "Unreleased", LINES)
    with pytest.raises(BadInput) as caught:
        edit.from_text(text, history(), draft)
    assert says in caught.value.what
    assert caught.value.way_out
