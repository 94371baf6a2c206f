"""What counts as a signature at the demo's terminal: one Enter, after the proposal was shown. On a real pty."""

import fcntl
import os
import pty
import sys
from collections.abc import Callable, Iterator

import pytest

from workers.demo.keyboard import enter_or

LONG = 600.0  # seconds; no test waits for them


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The end of a terminal at which a person types; the other one is standard input."""
    typing, terminal = pty.openpty()
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield typing
    os.close(typing)


def after_looks(number: int, then: Callable[[], object] = lambda: None) -> Callable[[], bool]:
    """Not decided at the first `number` looks. `then` happens at the first."""
    looks = 0

    def decided() -> bool:
        nonlocal looks
        looks += 1
        if looks == 1:
            then()
        return looks > number

    return decided


async def test_enter_signs(person: int) -> None:
    decided = after_looks(100, lambda: os.write(person, b"\n"))
    assert await enter_or(decided, print, patience=LONG) == "enter"


async def test_what_was_typed_before_the_proposal_was_shown_signs_nothing(person: int) -> None:
    os.write(person, b"\n\n\n")
    assert await enter_or(after_looks(4), print, patience=LONG) == "decided"


@pytest.mark.parametrize("typed", [b"no\n", b"n\n", b" \n", b"\x04"], ids=["no", "n", "space", "ctrl-d"])
async def test_nothing_but_enter_by_itself_signs(person: int, typed: bytes) -> None:
    said: list[str] = []
    decided = after_looks(4, lambda: os.write(person, typed))
    assert await enter_or(decided, said.append, patience=LONG) == "decided"
    assert len(said) == 1
    assert "browser" in said[0]


async def test_enter_still_signs_after_a_word(person: int) -> None:
    decided = after_looks(100, lambda: os.write(person, b"what?\n\n"))
    assert await enter_or(decided, print, patience=LONG) == "enter"


async def test_a_terminal_that_hangs_up_signs_nothing(person: int) -> None:
    decided = after_looks(4, lambda: os.dup2(os.open(os.devnull, os.O_RDWR), person))
    assert await enter_or(decided, print, patience=LONG) == "decided"


async def test_nobody_is_no_signature(person: int) -> None:
    assert await enter_or(lambda: False, print, patience=0.5) == "nothing"


async def test_the_terminal_is_left_as_it_was(person: int) -> None:
    before = fcntl.fcntl(sys.stdin.fileno(), fcntl.F_GETFL)
    await enter_or(after_looks(2), print, patience=LONG)
    assert fcntl.fcntl(sys.stdin.fileno(), fcntl.F_GETFL) == before
