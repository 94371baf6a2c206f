"""Adding to a changelog file: the rest of it stays byte for byte, whatever its structure."""

import subprocess
from pathlib import Path

import pytest

from activities.changelog.file import insert, sections, unreleased
from activities.changelog.structure import decode, parse
from activities.diff import unified
from contracts.errors import ChangelogStructure

KEEP = """# Changelog

All notable changes to this project.

## [Unreleased]

### Added

- One thing

### Fixed

- An old bug

## [1.0.0] - 2024-01-01

### Added

- First

[unreleased]: https://example.org/compare/v1.0.0...HEAD
"""

ENTRY = "## [Unreleased]\n\n### Added\n\n- One thing\n- Another thing\n\n### Security\n\n- A hole\n"

HTTPX = "# Changelog\n\nThe format is ours.\n\n## 0.27.0 (21st February, 2024)\n\n### Fixed\n\n* Fix it. (#3)\n"
HTTPX_ENTRY = "## Unreleased\n\n### Added\n\n* A new thing. (#9)\n"

LLM = "# Changelog\n\n(v0_12)=\n## 0.12 (2023-11-06)\n\n- Old\n\n(v0_11)=\n## 0.11\n\n- Older\n"

RST = """Changelog
=========

.. _v2:

2.0 (2024-05-01)
----------------

Fixed
~~~~~

- Fix

1.0
---

- First
"""
RST_ENTRY = "Unreleased\n----------\n\nAdded\n~~~~~\n\n- New\n"

ADOC = "= Releases\n\n== 2.0.0\n\n=== Added\n\n* It\n"
TOWNCRIER = "# News\n\nIntro\n\n<!-- towncrier release notes start -->\n\n# 1.0\n\n- a\n"
FENCED = "# Changelog\n\n```\n## 9.9.9\n```\n\n<!--\n## 8.8.8\n-->\n\n## 1.0.0\n\n- a\n"
FRONT = "---\ntitle: Changes\n---\n\n# Changes\n\n## 1.0\n\n- a\n"
PLAIN = "* 1.0: first\n* 0.9: before that\n"

SAMPLES = {
    "keep.md": (KEEP, ENTRY),
    "httpx.md": (HTTPX, HTTPX_ENTRY),
    "llm.md": (LLM, HTTPX_ENTRY),
    "structlog.rst": (RST, RST_ENTRY),
    "analyzer.adoc": (ADOC, "== Unreleased\n\n=== Added\n\n* New\n"),
    "towncrier.md": (TOWNCRIER, "# Unreleased\n\n- New\n"),
    "fenced.md": (FENCED, HTTPX_ENTRY),
    "front.md": (FRONT, HTTPX_ENTRY),
    "NEWS": (PLAIN, HTTPX_ENTRY),
    "only_title.md": ("# Changelog", HTTPX_ENTRY),
    "setext.md": ("Changelog\n=========\n\n1.0\n---\n\n- a\n", HTTPX_ENTRY),
}


def is_subsequence(old: str, new: str) -> bool:
    """Whether all lines of `old` are in `new`, in order and unchanged."""
    rest = iter(new.splitlines(keepends=True))
    return all(any(line == other or line + "\n" == other for other in rest) for line in old.splitlines(keepends=True))


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("trail", ["", "\n\n", None])
def test_nothing_but_the_entry_changes(name: str, ending: str, mark: str, trail: str | None) -> None:
    text, entry = SAMPLES[name]
    text = text.rstrip("\n") if trail is None else text + trail
    text = mark + text.replace("\n", ending)
    new = insert(name, text, entry)
    assert is_subsequence(text.lstrip("\ufeff"), new.lstrip("\ufeff"))
    assert len(new) > len(text)
    assert new.count("\ufeff") == len(mark)
    if "\r\n" in text:
        assert new.count("\n") == new.count("\r\n")
    assert insert(name, new, entry) == new, "the same entry a second time adds nothing"


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("httpx.md", "## 0.27.0"),
        ("llm.md", "(v0_12)="),
        ("structlog.rst", ".. _v2:"),
        ("analyzer.adoc", "== 2.0.0"),
        ("towncrier.md", "# 1.0"),
        ("fenced.md", "## 1.0.0"),
        ("front.md", "## 1.0"),
        ("NEWS", "* 1.0: first"),
        ("setext.md", "1.0\n---"),
    ],
)
def test_an_entry_stands_right_above_the_newest_release(name: str, before: str) -> None:
    text, entry = SAMPLES[name]
    new = insert(name, text, entry)
    at = new.index(before)
    assert new[:at].endswith(entry + "\n")
    assert new[:at].removesuffix(entry + "\n") + new[at:] == text


def test_an_unreleased_section_is_merged_into() -> None:
    new = insert("CHANGELOG.md", KEEP, ENTRY)
    assert new == KEEP.replace("- One thing\n", "- One thing\n- Another thing\n").replace(
        "- An old bug\n", "- An old bug\n\n### Security\n\n- A hole\n"
    )


PALLETS = """## Version 8.5.0

Unreleased

- One thing. {issue}`1` {pr}`2`

## Version 8.4.0

Released 2026-01-01

- Old thing
"""
ZEST = """Changelog
=========

1.3 (unreleased)
----------------

- One thing

1.2 (2026-01-01)
----------------

- Old thing
"""
MORE = {"md": "## Unreleased\n\n- Another thing\n", "rst": "Unreleased\n----------\n\n- Another thing\n"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CHANGES.md", PALLETS),
        ("CHANGES.md", PALLETS.replace("\nUnreleased\n", "\n*Release date: TBD*\n")),
        ("CHANGES.rst", ZEST),
        ("CHANGES.md", "# Changelog\n\n## [1.3] - Unreleased\n\n- One thing\n\n## [1.2]\n\n- Old thing\n"),
        ("CHANGES.md", "# Changelog\n\n## 1.3.0, in development\n\n- One thing\n\n## 1.2\n\n- Old thing\n"),
    ],
    ids=["line below", "to be dated", "zest.releaser", "keep a changelog", "in words"],
)
def test_a_version_that_is_not_out_yet_is_merged_into(name: str, text: str) -> None:
    new = insert(name, text, MORE[name.rpartition(".")[2]])
    assert "Another thing" in new[new.index("One thing") : new.index("1.2" if "1.2" in text else "8.4.0")]
    assert new.replace("- Another thing\n", "", 1).split() == text.split()
    assert "One thing" in unreleased(parse(name, text))


def test_a_section_without_a_version_goes_before_versions_that_are_not_out() -> None:
    text = f"## Unreleased\n\n- Here\n\n{PALLETS}"
    new = insert("CHANGES.md", text, MORE["md"])
    assert new.index("Here") < new.index("Another thing") < new.index("8.5.0")


def test_link_definitions_stay_last() -> None:
    text = "# Changelog\n\n## Unreleased\n\n- a\n\n[x]: https://example.org\n"
    new = insert("CHANGELOG.md", text, "## Unreleased\n\n### Fixed\n\n- b\n")
    assert new == "# Changelog\n\n## Unreleased\n\n- a\n\n### Fixed\n\n- b\n\n[x]: https://example.org\n"


def test_a_release_goes_below_what_is_not_out_yet() -> None:
    new = insert("CHANGELOG.md", KEEP, "## [1.1.0] - 2024-02-02\n\n### Added\n\n- X\n")
    assert new.index("[Unreleased]") < new.index("[1.1.0]") < new.index("[1.0.0]")


@pytest.mark.parametrize("text", [None, "", "\n"])
def test_a_new_file_gets_a_title(text: str | None) -> None:
    new = insert("CHANGELOG.md", text, HTTPX_ENTRY)
    assert new.lstrip().startswith("# Changelog\n")
    assert new.endswith(HTTPX_ENTRY)


def test_an_empty_section_is_filled() -> None:
    text = "# C\n\n## Unreleased\n\n### Added\n\n### Fixed\n\n## 1.0\n"
    new = insert("C.md", text, "## Unreleased\n\n### Added\n\n- x\n")
    assert new == "# C\n\n## Unreleased\n\n### Added\n\n- x\n\n### Fixed\n\n## 1.0\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# C\n\n<<<<<<< ours\n- a\n=======\n- b\n>>>>>>> theirs\n", "merge conflict (line 3)"),
        ("# C\n\n## Unreleased\n\n- a\n\n## [Unreleased]\n\n- b\n", "2 unreleased sections (lines 3 and 7)"),
    ],
)
def test_a_conflicting_structure_is_refused(text: str, says: str) -> None:
    with pytest.raises(ChangelogStructure, match="CHANGES") as caught:
        insert("CHANGES.md", text, HTTPX_ENTRY)
    assert says in caught.value.what
    assert caught.value.way_out


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"# C\n\nna\xefve\n", "not UTF-8 text (line 3)"),
        (b"# C\n\0\n", "line 2 has a zero byte"),
        (b"a" * ((10 << 20) + 1), "the limit is 10 MB"),
    ],
)
def test_what_is_not_text_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(ChangelogStructure) as caught:
        decode("CHANGELOG.md", data)
    assert says in caught.value.what


def test_what_the_file_says_of_each_version() -> None:
    said = sections("docs/changelog.md", LLM)
    assert list(said) == ["0.11", "0.12"]
    assert said["0.11"] == "- Older"
    assert sections("CHANGES.rst", RST)["1.0"] == "- First"


def test_a_rule_under_a_list_is_no_heading() -> None:
    assert [h.title for h in parse("C.md", "# C\n\n- a\n---\n\n## 1.0\n").headings] == ["C", "1.0"]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("trail", ["", "\n", None])
def test_the_diff_is_what_git_apply_takes(name: str, trail: str | None, tmp_path: Path) -> None:
    text, entry = SAMPLES[name]
    text = ("line\n" * 3000 if name == "NEWS" else "") + (text.rstrip("\n") if trail is None else text + trail)
    new = insert(name, text, entry)
    (tmp_path / name).write_bytes(text.encode())
    subprocess.run(["git", "apply", "-"], input=unified(name, text, new).encode(), cwd=tmp_path, check=True)
    assert (tmp_path / name).read_bytes() == new.encode()


def test_the_diff_of_a_new_file(tmp_path: Path) -> None:
    diff = unified("CHANGELOG.md", None, insert("CHANGELOG.md", None, HTTPX_ENTRY))
    subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=tmp_path, check=True)
    assert (tmp_path / "CHANGELOG.md").read_text().endswith(HTTPX_ENTRY)
