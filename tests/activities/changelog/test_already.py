"""What the unreleased section tells already is not drafted again, in whatever form it tells it."""

import pytest

from activities.changelog.already import ALREADY, not_yet
from contracts.changelog import History, Line

SHA = "1234567" + "a" * 33
LINE = Line(section="Removed", text="Drop Python 3.8 support", changes=(SHA,), references=("#12",))


def history(written: str) -> History:
    text = f"# Changelog\n\n## Unreleased\n\n{written}\n\n## 1.0\n\n- Old\n"
    return History(
        repository="/r", base_says="since tag 1.0", head=SHA, changes=(), changelog_path="C.md", changelog_text=text
    )


@pytest.mark.parametrize(
    "written",
    [
        "- By commit (1234567)",
        "- By number (#12)",
        "- A link, [12](https://example.org/o/r/pull/12)",
        "- Sphinx :pr:`12`",
        "- MyST {issue}`7` {pr}`12`",
        "* Drop support for Python 3.8\n* Something else",
    ],
)
def test_what_is_there_is_left_out_with_its_reason(written: str) -> None:
    fresh, known = not_yet([LINE], history(written))
    assert fresh == []
    assert [(each.sha, each.why) for each in known] == [(SHA, ALREADY)]


@pytest.mark.parametrize(
    "written",
    [
        "- Drop support for Python 3.7",
        "- Python 3.8 works again",
        "- Another number (#123)",
        "- Drop it\n- Python\n- 3.8\n- support",
    ],
)
def test_what_is_only_alike_is_told(written: str) -> None:
    assert not_yet([LINE], history(written)) == ([LINE], [])


def test_two_words_are_too_few_to_know_a_line_by() -> None:
    line = Line(section="Fixed", text="Fix crash", changes=(SHA,))
    assert not_yet([line], history("- Fix a rare crash of the reader"))[0] == [line]
