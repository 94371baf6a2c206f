"""What users rely on of the baseline's judgment: nothing lost, nothing twice, reasons, requests, learning, speed."""

import random
import time

import pytest

from activities.changelog.select import ASKED_OUT, select_lines
from contracts.changelog import Change, FileChange, History, LeftOut, Line, Release

FEATURE = "feat: add a dark theme (#1)"
FIX = "fix: crash when the file is empty (#2)"
CI = "Run the tests on another machine (#3)"
BUMP = "Bump pytest from 7.0 to 7.1 (#4)"
VERSION = "Version 1.2.0 (#5)"


def sha(number: int) -> str:
    return f"{number * 2654435761 % 16**12:012x}{number:028x}"


def change(number: int, subject: str, path: str = "src/app.py", body: str = "", **more: object) -> Change:
    files = (FileChange(path=path, added=12, deleted=3),) if path else ()
    row = {"sha": sha(number), "time": 1_700_000_000 + number, "subject": subject, "body": body, "files": files, **more}
    return Change.model_validate(row)


def history(*changes: Change, releases: tuple[Release, ...] = ()) -> History:
    return History(
        repository="/somewhere", base_says="from the first commit", head=changes[-1].sha if changes else "",
        changes=changes, changelog_path="CHANGELOG.md", releases=releases,
    )  # fmt: skip


USUAL = (
    change(1, FEATURE),
    change(2, FIX),
    change(3, CI, ".github/workflows/test.yml"),
    change(4, BUMP, "requirements.txt"),
    change(5, VERSION, "CHANGELOG.md"),
)


def told(lines: tuple[Line, ...]) -> set[str]:
    return {sha for line in lines for sha in line.changes}


def whys(left: tuple[LeftOut, ...]) -> dict[str, str]:
    return {item.subject: item.why for item in left}


def test_readers_are_told_of_the_feature_and_the_fix_and_the_rest_is_left_out_with_its_reason() -> None:
    lines, left = select_lines(history(*USUAL))
    assert {(line.section, line.text) for line in lines} == {
        ("Added", "Add a dark theme"),
        ("Fixed", "Crash when the file is empty"),
    }
    assert whys(left) == {
        CI: "touches only CI files",
        BUMP: "updates a dependency",
        VERSION: "release commit",
    }


def test_describing_and_testing_is_not_told_though_code_is_touched_in_passing() -> None:
    aside = (FileChange(path="docs/guide.md", added=90, deleted=0), FileChange(path="src/app.py", added=2, deleted=2))
    tests = (FileChange(path="tests/test_app.py", added=90, deleted=0), aside[1])
    lines, left = select_lines(
        history(
            change(1, FEATURE),
            change(2, "Describe how themes are made (#7)", files=aside),
            change(3, "Test themes in every size (#8)", files=tests),
        )
    )
    assert told(lines) == {sha(1)}
    assert [item.why for item in left] == ["describes, rather than changes", "tests or measures, rather than changes"]


def test_nothing_in_nothing_out() -> None:
    assert select_lines(history()) == ((), ())


def test_a_repository_without_numbers_and_changelog_still_gets_an_entry() -> None:
    lines, left = select_lines(
        history(
            change(1, "Add a command that exports everything as JSON"),
            change(2, "Fix the crash when a file is empty"),
            change(3, "Update the workflow", ".github/workflows/ci.yml"),
        )
    )
    assert told(lines) == {sha(1), sha(2)}
    assert [item.why for item in left] == ["touches only CI files"]


def test_a_revert_and_what_it_takes_back_cancel() -> None:
    first = change(1, FEATURE)
    second = change(2, f'Revert "{FEATURE}"', body=f"This reverts commit {first.sha}.")
    lines, left = select_lines(history(first, second, change(3, FIX)))
    assert told(lines) == {sha(3)}
    assert {item.sha: item.why for item in left} == {
        first.sha: f"reverted by {second.sha[:7]}",
        second.sha: f"reverts {first.sha[:7]}, which is in the same range",
    }


def test_a_revert_that_is_reverted_brings_the_change_back() -> None:
    first = change(1, FEATURE)
    second = change(2, f'Revert "{FEATURE}"', body=f"This reverts commit {first.sha}.")
    third = change(3, 'Revert "Revert"', body=f"This reverts commit {second.sha}.")
    assert told(select_lines(history(first, second, third))[0]) == {first.sha}


def test_a_breaking_change_without_a_number_is_told_where_others_have_one() -> None:
    breaking = change(9, "feat!: rename the command")
    lines, _ = select_lines(history(*USUAL, breaking))
    assert [line.changes for line in lines if line.section == "Breaking"] == [(breaking.sha,)]


def test_dropped_support_is_told_whatever_files_it_touches() -> None:
    dropped = change(9, "Drop Python 3.8 support (#9)", "pyproject.toml")
    only_ci = change(10, "Drop Python 3.8 support in CI (#10)", ".github/workflows/test.yml")
    lines, left = select_lines(history(*USUAL, dropped, only_ci))
    assert [(line.text, line.changes) for line in lines if line.section == "Breaking"] == [
        ("Drop Python 3.8 support", (dropped.sha,))
    ]
    assert whys(left)[only_ci.subject] == "touches only CI files"


def test_what_breaks_the_build_is_no_breaking_change() -> None:
    lines, _ = select_lines(history(*USUAL, change(9, "fix: pin a parser that is breaking with the renderer (#9)")))
    assert {line.section for line in lines} == {"Added", "Fixed"}


def test_a_line_that_would_tell_nothing_is_left_out_unless_a_reviewer_wants_it() -> None:
    merged, typo = change(8, "feat: merge stable into main (#8)"), change(9, "fix: typo in a message (#9)")
    usual = history(*USUAL, merged, typo)
    lines, left = select_lines(usual)
    assert not {merged.sha, typo.sha} & told(lines)
    assert whys(left)[merged.subject] == "merges one branch into another"
    assert whys(left)[typo.subject] == "corrects spelling"
    assert told(select_lines(usual, words=["add #9"])[0]) == told(lines) | {typo.sha}


@pytest.mark.parametrize(
    ("words", "present"),
    [
        (("drop #1",), {2}),
        ((f"leave out {sha(2)[:8]}",), {1}),
        ((f"please add {sha(3)[:9]}",), {1, 2, 3}),
        (("include #4",), {1, 2, 4}),
        (("drop #1", "add #1"), {1, 2}),
        (("make it nicer, drop everything dull",), {1, 2}),
    ],
)
def test_a_reviewer_adds_and_drops_and_the_last_word_counts(words: tuple[str, ...], present: set[int]) -> None:
    lines, left = select_lines(history(*USUAL), words=words)
    assert told(lines) == {sha(n) for n in present}
    assert all(item.why for item in left)


def test_what_a_reviewer_dropped_says_so() -> None:
    _, left = select_lines(history(*USUAL), words=["drop #1"])
    assert whys(left)[FEATURE] == ASKED_OUT


def test_a_reviewer_moves_and_renames() -> None:
    lines, _ = select_lines(history(*USUAL), words=['move #1 to Changed and call #1 "A darker theme"'])
    assert ("Changed", "A darker theme") in {(line.section, line.text) for line in lines}


def taught_release(number: int, tells_docs: bool) -> Release:
    base = 1_000 * number
    docs = [change(base + n, f"Docs: explain part {n} (#{base + n})", "docs/guide.md") for n in range(6)]
    code = [change(base + 10 + n, f"Rework internals {n} (#{base + 10 + n})", "src/core.py") for n in range(6)]
    listed = docs if tells_docs else code
    text = "\n".join(f"- Something #{c.subject.split('#')[1].rstrip(')')}" for c in listed)
    return Release(version=f"{number}.0", changes=tuple(docs + code), changelog=text)


def test_the_repositorys_own_changelog_teaches_what_its_readers_want() -> None:
    fresh = (change(90_001, "Docs: explain part 9 (#90001)", "docs/guide.md"),
             change(90_002, "Rework internals 9 (#90002)", "src/core.py"))  # fmt: skip
    for tells_docs, expected in ((True, fresh[0]), (False, fresh[1])):
        releases = tuple(taught_release(n, tells_docs) for n in range(1, 9))
        lines, left = select_lines(history(*fresh, releases=releases))
        assert told(lines) == {expected.sha}
        assert len(left) == 1


def test_a_changelog_without_numbers_teaches_by_its_words() -> None:
    past = tuple(
        Release(
            version=f"{n}.0",
            changes=(
                change(10 * n, f"Add the {word} command for printing"),
                change(10 * n + 1, f"Rename the {word} helper", "tests/test_app.py"),
            ),
            changelog=f"- Added the {word} command, for printing nicely",
        )
        for n, word in enumerate(("list", "show", "send", "copy", "move"), start=1)
    )
    lines, _ = select_lines(history(change(900, "Add the trim command for printing"), releases=past))
    assert told(lines) == {sha(900)}


ODD = ("", " ", "#", "#" * 500, "\x00\x1b[2J", "Revert", 'Revert ""', "Merge", "Merge pull request #", "fix:", "!: x",
       "💥" * 90, "a" * 20_000, "Merge branch 'x'", "v1.0.0", "(#1)(#2)", "feat(:", "#99999999999999999999", "\u202e#3",
       "release", "BREAKING CHANGE", "Bump", "1.0", "Auto merge of #1 - a:b, r=c")  # fmt: skip


def random_history(seed: int) -> History:
    chance = random.Random(seed)
    paths = ("", "src/a.py", "docs/a.md", "CHANGELOG.md", ".github/x.yml", "tests/x.py", "--upload-pack=x", "a\nb")
    changes = []
    for n in range(chance.randrange(60)):
        body = chance.choice(("", f"Refs #{n % 9}", f"This reverts commit {sha(chance.randrange(60))}.", "#1 " * 900))
        subject = chance.choice((*ODD, f"Add thing {n % 5} (#{n % 7})", f"Fix thing, closes #{n % 11}"))
        merged = (("Add x (#8)", "BREAKING CHANGE: y"),) if chance.random() < 0.1 else ()
        changes.append(change(n, subject, chance.choice(paths), body, merged=merged))
    chance.shuffle(changes)
    releases = tuple(taught_release(n, chance.random() < 0.5) for n in range(chance.randrange(3)))
    empty = Release(version="0", changes=(), changelog="")
    return history(*changes, releases=(empty, *releases))


@pytest.mark.parametrize("seed", range(25))
def test_every_change_is_in_one_line_or_left_out_and_the_same_again(seed: int) -> None:
    case = random_history(seed)
    words = ["drop #1", f"add {sha(3)}", "move #2 to Security"]
    lines, left = select_lines(case, words=words)
    placed = [s for line in lines for s in line.changes] + [item.sha for item in left]
    assert sorted(placed) == sorted(c.sha for c in case.changes)
    assert all(line.text and line.changes for line in lines)
    assert all(item.why for item in left)
    assert select_lines(case, words=words) == (lines, left)


def test_fifty_thousand_changes_take_seconds() -> None:
    kinds = (
        "Add part {n} (#{n})",
        "Fix part {n} (#{n})",
        "Bump x from 1.{n} to 1.{m}",
        "Part {n} of the work, refs #7",
    )
    many = [change(n, kinds[n % 4].format(n=n, m=n + 1)) for n in range(50_000)]
    began = time.perf_counter()
    lines, left = select_lines(history(*many, releases=tuple(taught_release(n, False) for n in range(1, 5))))
    assert time.perf_counter() - began < 60
    assert sum(len(line.changes) for line in lines) + len(left) == len(many)
