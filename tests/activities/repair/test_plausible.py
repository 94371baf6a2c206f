"""Which of several passing edits is meant, and which are refused though the tests pass."""

from activities.repair.ideas import Ground, Idea
from activities.repair.plausible import Finalist, agree, ordered, refusal
from activities.repair.source import Change, Edit, Source
from activities.repair.trial import Baseline, Lines
from activities.repair.tries import Case, Outcome

TEXT = """def price(a, b):
    if a > 9:
        raise ValueError(a)
    if b:
        a = a - 1
    return a * b
"""
SOURCE = Source(TEXT, "f.py")
GROUND = Ground(SOURCE, "price", SOURCE.functions[0][1], lambda line: 1.0)
PASSED = Outcome(id=0, end="done", passed=True)
VARIED = tuple(str(number) for number in range(20))


def finalist(old: str, new: str, *, score: float = -5, answers: tuple[str, ...] = VARIED) -> Finalist:
    at = TEXT.index(old)
    edit = Edit("name", 1, f"{old} becomes {new}", (Change(at, at + len(old), new),))
    return Finalist(Idea(SOURCE, (edit,), score, 0), GROUND, PASSED, answers)


def before(*lines: int) -> Baseline:
    run: Lines = {"good": frozenset(("f.py", line) for line in lines)}
    return Baseline(Outcome(id=0, end="done", cases=(Case(name="good", state="pass"),)), run)


def test_the_behaviour_that_most_share_wins_over_a_single_likelier_one() -> None:
    lonely = finalist("a * b", "a + b", score=-5.0, answers=("1", "2"))
    several = [finalist("a * b", new, score=-5.2, answers=("3", "4")) for new in ("b * a", "b + a", "a - b")]
    agree([lonely, *several])
    assert ordered([lonely, *several])[0] in several
    assert abs(lonely.agreement + several[0].agreement - 1) < 1e-9


def test_the_smaller_one_wins_between_equals_and_ties_keep_their_order() -> None:
    large, small = finalist("a * b", "a + b + 0 + 0"), finalist("a * b", "a + b")
    twin = finalist("a * b", "a - b")
    agree([large, small, twin])
    assert ordered([large, small, twin]) == [small, twin, large]


def test_an_edit_that_takes_a_raise_away_is_refused() -> None:
    edit = finalist("        raise ValueError(a)\n", "        pass\n")
    assert "check" in refusal(edit, before(2, 4, 6), VARIED, {"good": frozenset({("f.py", 6)})})


def test_an_edit_that_answers_the_same_to_everything_is_refused() -> None:
    edit = finalist("a * b", "0", answers=("0",) * 20)
    assert "same answer" in refusal(edit, before(2, 4, 6), VARIED, {"good": frozenset({("f.py", 6)})})


def test_an_edit_that_leaves_dead_what_passing_tests_executed_is_refused() -> None:
    edit = finalist("if b:", "if 0:")
    run = {"good": frozenset(("f.py", line) for line in (2, 4, 6))}
    assert "line 5" in refusal(edit, before(2, 4, 5, 6), VARIED, run)
    assert refusal(edit, before(2, 4, 6), VARIED, run) == ""
