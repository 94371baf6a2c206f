"""A reviewer's plain requests."""

import pytest

from activities.changelog.group_words import Directive, understood


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("drop #123", [Directive("drop", "#123")]),
        ("Please leave out 1a2b3c4", [Directive("drop", "1a2b3c4")]),
        ("leave #12 and #13 out", [Directive("drop", "#12"), Directive("drop", "#13")]),
        ("add 1A2B3C4", [Directive("add", "1a2b3c4")]),
        ("include #45", [Directive("add", "#45")]),
        ("don't include #45", [Directive("drop", "#45")]),
        ("#12 should be in Fixed", [Directive("move", "#12", "Fixed")]),
        ("move #12 to fixed", [Directive("move", "#12", "Fixed")]),
        ("to Security, move #12", [Directive("move", "#12", "Security")]),
        ('call #12 "New text"', [Directive("call", "#12", None, "New text")]),
        ("rename #12 to “Drop #3; and more”", [Directive("call", "#12", None, "Drop #3; and more")]),
        ("drop #1; add #2", [Directive("drop", "#1"), Directive("add", "#2")]),
        ("drop #1 and move #2 to Changed", [Directive("drop", "#1"), Directive("move", "#2", "Changed")]),
    ],
)
def test_simple_requests_are_understood_in_any_order_of_words(words: str, expected: list[Directive]) -> None:
    assert understood([words]) == (expected, [])


@pytest.mark.parametrize(
    "words", ["make it shorter", "drop the boring ones", "move #12 somewhere better", "#12", "call #12 nicer", ""]
)
def test_what_is_not_understood_is_given_back(words: str) -> None:
    assert understood([words]) == ([], [words] if words else [])
