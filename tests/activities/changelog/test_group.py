"""Lines, sections and words: what a reader is told of the chosen changes."""

import pytest

from activities.changelog.group import Wish, lines_of
from activities.changelog.group_text import LONGEST, is_breaking, says_nothing, section_of, text_of
from contracts.changelog import Change, FileChange


def change(subject: str, *, sha: str = "a" * 40, body: str = "", path: str = "src/app.py", **more: object) -> Change:
    files = (FileChange(path=path, added=10, deleted=2),)
    return Change.model_validate({"sha": sha, "time": 1, "subject": subject, "body": body, "files": files, **more})


def sha(number: int) -> str:
    return f"{number:040x}"


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("feat(api): add retries (#123)", "Add retries"),
        ("fix: crash on empty input.", "Crash on empty input"),
        ("Fix crash on empty input, closes #12", "Fix crash on empty input"),
        ("add `--json`, refs #12, #13", "Add `--json`"),
        ("[core] Handle odd input (closes #7)", "Handle odd input"),
        ("internal: tidy the parser", "Tidy the parser"),
        ("✨ New theme", "New theme"),
        ("`run` now returns a code (#4)", "`run` now returns a code"),
        ("getValue() returns None", "getValue() returns None"),
        ("multi\tspace   subject", "Multi space subject"),
        ("#12", "#12"),
        ("", "Change aaaaaaaaa"),
        ("...", "..."),
    ],
)
def test_a_subject_becomes_a_line_for_a_reader(subject: str, text: str) -> None:
    assert text_of(change(subject)) == text


def test_a_merge_is_called_by_the_title_of_its_request() -> None:
    merge = change("Merge pull request #12 from someone/patch-1", body="Add a dark theme\n\nMore words")
    assert text_of(merge) == "Add a dark theme"
    [line] = lines_of([merge])
    assert line.references == ("#12",)


def test_a_merge_without_words_of_its_own_is_called_by_what_it_brought_in() -> None:
    brought = (("Polish", ""), ("fix: Crash on empty files", ""), ("wip", ""))
    merge = change("Merge branch 'crash'", merged=brought)
    assert (text_of(merge), section_of(merge)) == ("Crash on empty files", "Fixed")
    assert text_of(change("Merge branch 'crash'", merged=(("Sort by name", ""), ("Sort", "")))) == "Sort"
    assert text_of(change("Merge branch 'pr/6'", body="Fixes #6", merged=(("Sort", ""),))) == "Sort"
    assert text_of(change("Merge branch 'crash'")) == "Merge branch 'crash'"


def test_a_bors_merge_is_called_by_its_title() -> None:
    merge = change("Merge #9876", body="9876: fix: Do not panic on empty files r=someone a=another\n\nWords")
    assert text_of(merge) == "Do not panic on empty files"
    assert section_of(merge) == "Fixed"


def test_a_line_is_never_longer_than_its_bound_and_has_no_control_characters() -> None:
    text = text_of(change("word " * 400 + "\x1b[31m\u202e"))
    assert len(text) <= LONGEST
    assert text.endswith("…")
    assert text.isprintable()


@pytest.mark.parametrize(
    ("subject", "body", "section"),
    [
        ("feat: a theme", "", "Added"),
        ("feat!: a theme", "", "Breaking"),
        ("refactor: internals", "BREAKING CHANGE: `x` is gone", "Breaking"),
        ("Drop support for Python 3.8", "", "Breaking"),
        ("Fix line-breaking of long words", "", "Fixed"),
        ("Add non-breaking spaces", "", "Added"),
        ("Deprecate the old client", "", "Deprecated"),
        ("Remove the old client", "", "Removed"),
        ("Fix CVE-2024-12345 in the parser", "", "Security"),
        ("perf: parse faster", "", "Changed"),
        ("Allow a timeout of zero", "", "Added"),
        ("Prevent a crash on close", "", "Fixed"),
        ("Parse faster", "", "Changed"),
    ],
)
def test_the_section_follows_what_the_change_says(subject: str, body: str, section: str) -> None:
    assert section_of(change(subject, body=body)) == section
    assert is_breaking(change(subject, body=body)) == (section == "Breaking")


def test_changes_of_one_topic_are_one_line_that_cites_all_of_them() -> None:
    work = [
        change("Test for embeddings, refs #12", sha=sha(1), path="tests/test_a.py"),
        change("Add embeddings, refs #12", sha=sha(2)),
        change("Document embeddings, closes #12", sha=sha(3), path="docs/a.md"),
        change("Fix the other thing (#13)", sha=sha(4)),
    ]
    added, fixed = lines_of(work)
    assert (added.text, added.changes, added.references) == ("Add embeddings", (sha(1), sha(2), sha(3)), ("#12",))
    assert (fixed.text, fixed.changes) == ("Fix the other thing", (sha(4),))


def test_a_list_of_topics_does_not_glue_them_together() -> None:
    work = [
        change("Add one, refs #1", sha=sha(1)),
        change("Add two, refs #2", sha=sha(2)),
        change("Release 1.0", body="Refs #1, #2, #3, #4, #5", sha=sha(3), path="CHANGELOG.md"),
    ]
    assert [line.changes for line in lines_of(work)] == [(sha(1), sha(3)), (sha(2),)]


def test_a_list_of_topics_stands_behind_the_first_that_somebody_worked_on() -> None:
    work = [
        change("Add two, refs #2", sha=sha(2)),
        change("Release 1.0", body="Refs #1, #2, #3, #4, #5", sha=sha(3), path="CHANGELOG.md"),
    ]
    [line] = lines_of(work)
    assert (line.text, line.changes) == ("Add two", (sha(2), sha(3)))


MERGES = (
    "Merge stable into main", "Merge branch 8.1.x into main", "Merge remote-tracking branch origin/a into b",
    "Merge branch 'f'", "Merge branches 'x', 'y' and 'z'", "Merge branches x, y, z",
    "Merge branch 'main' of github.com:x/y into z", "Merge tag 'v1' into next",
)  # fmt: skip


@pytest.mark.parametrize("text", ["2.0.0", "Release 0.9a1", "v1.2", "Bump version 1.2.0", *MERGES])
def test_words_that_tell_a_reader_nothing(text: str) -> None:
    assert says_nothing(text)


@pytest.mark.parametrize(
    "text", ["2.0.0 and newer are supported", "Merge cells into one row", "Support HTTPCore 0.13", "Release the lock",
     "Merge branch handling into the core", "Merge tags of images when pulling", "Merge branches " + "a, b " * 50]
)  # fmt: skip
def test_words_that_tell_something(text: str) -> None:
    assert not says_nothing(text)


def test_a_repeated_subject_is_told_once() -> None:
    work = [change("Speed up the reader a lot", sha=sha(n)) for n in range(3)]
    [line] = lines_of(work)
    assert line.changes == tuple(sha(n) for n in range(3))


def test_lines_come_in_the_order_of_the_sections() -> None:
    work = [change("Fix one thing", sha=sha(1)), change("Add one thing", sha=sha(2)), change("feat!: go", sha=sha(3))]
    assert [line.section for line in lines_of(work)] == ["Breaking", "Added", "Fixed"]


def test_a_wish_wins_over_the_guess() -> None:
    [line] = lines_of([change("Add one thing", sha=sha(1))], wishes={sha(1): Wish("Fixed", "Another name")})
    assert (line.section, line.text) == ("Fixed", "Another name")
