"""The proof: tests compared one by one, and what a reviewer is warned of."""

import pytest

from activities.diff import unified
from activities.ticket_to_pr.flags import flags
from activities.ticket_to_pr.proposing import checks
from activities.ticket_to_pr.proving import compared, why_not
from activities.ticket_to_pr.testing import as_a_whole, states
from contracts.ticket import FileDiff, Proof, TestRun, TestState


def ran(exit_code: int = 0, **tests: TestState) -> TestRun:
    return TestRun(command=("pytest",), exit_code=exit_code, seconds=1, tests=tests, says="said", output="the output")


def file(path: str, old: str, new: str) -> FileDiff:
    return FileDiff(path=path, diff=unified(path, old, new), ref="sha256:" + "0" * 64)


def proof(before: TestRun, after: TestRun, *files: FileDiff, **more: object) -> Proof:
    made = compared(before, after).model_copy(update={"files": files or (file("a.py", "a - b\n", "a + b\n"),), **more})
    return made.model_copy(update={"flags": flags(made, ())})


def red(made: Proof) -> str:
    return " | ".join(flag.says for flag in made.flags if flag.red)


def test_tests_are_compared_by_name() -> None:
    made = proof(
        ran(1, a="failed", b="passed", c="passed", d="error", e="passed", s="skipped"),
        ran(1, a="passed", b="failed", c="passed", d="failed", n="passed"),
    )
    assert (made.fixed, made.broken, made.still, made.gone, made.added) == (("a",), ("b",), ("d",), ("e",), ("n",))
    assert not made.holds
    assert "`" not in why_not(made)
    assert all(name in why_not(made) for name in ("b", "e", "d", "the output"))


def test_a_fix_holds_and_says_nothing_red() -> None:
    made = proof(ran(1, a="failed", b="passed"), ran(0, a="passed", b="passed"))
    assert made.holds
    assert made.presentable
    assert why_not(made) == ""
    assert made.flags == ()


def test_a_file_that_could_not_be_collected_is_not_gone_when_it_can() -> None:
    before = TestRun(command=("pytest",), exit_code=2, seconds=1, tests={"t/test_a.py": "error"})
    after = TestRun(command=("pytest",), exit_code=0, seconds=1, tests={"t/test_a.py::test_x": "passed"})
    made = compared(before, after)
    assert made.gone == ()
    assert made.added == ()


def test_without_a_failing_test_first_it_says_so_in_red() -> None:
    made = proof(ran(0, a="passed"), ran(0, a="passed"))
    assert not made.holds
    assert made.presentable
    assert "No test failed before" in red(made)


def test_a_new_test_that_fails_on_the_old_code_is_a_failing_test_first() -> None:
    made = proof(ran(0, a="passed"), ran(0, a="passed", n="passed"), added_fail_before=("n",))
    assert made.holds
    assert red(made) == ""


def test_where_nothing_says_how_it_is_tested_nothing_is_proved() -> None:
    unknown = TestRun(command=(), exit_code=0, seconds=0, says="nothing says how this project is tested")
    made = proof(unknown, unknown)
    assert not unknown.passed
    assert not made.holds
    assert made.presentable
    assert "nothing proves" in red(made)


def test_one_that_leaves_the_failing_test_failing_is_not_shown() -> None:
    made = proof(ran(1, a="failed"), ran(1, a="failed"))
    assert not made.presentable


def make(exit_code: int) -> TestRun:
    return TestRun(command=("make", "test"), exit_code=exit_code, seconds=1, says=f"exit code {exit_code}")


def test_a_command_that_names_no_tests_is_judged_by_its_end() -> None:
    made = proof(make(2), make(0))
    assert made.holds
    assert red(made) == ""
    assert [check.passed for check in checks(made)] == [True] * 4
    assert checks(made)[0].says == "The tests failed before and pass now."
    assert as_a_whole(made) == "the tests as a whole"


def test_a_command_that_names_no_tests_and_fails_now_is_broken() -> None:
    made = proof(make(0), make(2))
    assert not made.presentable
    assert "passed before and fail now" in red(made)
    assert "passed before and fail now" in why_not(made)
    assert [check.passed for check in checks(made)] == [False, False, True, True]


def test_a_command_that_names_no_tests_may_fail_on_the_old_code() -> None:
    assert not proof(make(0), make(0)).holds
    made = proof(make(0), make(0), old_fails=True)
    assert made.holds
    assert red(made) == ""
    assert checks(made)[0].says == "The tests failed on the old code and pass now."


def test_a_failing_test_that_is_skipped_is_not_fixed() -> None:
    made = proof(ran(1, a="failed", b="passed"), ran(0, a="skipped", b="passed"))
    assert not made.holds
    assert not checks(made)[0].passed
    assert "No test failed before" in red(made)


def test_a_new_test_that_fails_is_no_fix() -> None:
    made = proof(ran(0, a="passed"), ran(1, a="passed", n="failed"))
    assert not made.presentable
    assert "passed before and fail now" in why_not(made)


def test_a_first_test_that_was_never_red_proves_nothing() -> None:
    made = proof(ran(5), ran(0, n="passed"))
    assert not made.holds
    assert made.presentable
    assert "nothing proves" in red(made)
    assert proof(ran(5), ran(0, n="passed"), added_fail_before=("n",)).holds


@pytest.mark.parametrize(
    ("changed", "warning"),
    [
        (file("tests/test_a.py", "assert x == 1\nassert y\n", "assert x\n"), "1 assertion fewer"),
        (file("tests/test_a.py", "def test(): ...\n", "@pytest.mark.skip\ndef test(): ...\n"), "skips tests"),
        (file("pyproject.toml", "a\n", "b\n"), "Dependencies"),
        (file("requirements-dev.txt", "a\n", "b\n"), "Dependencies"),
        (file(".github/workflows/ci.yml", "a\n", "b\n"), "machinery"),
        (file("src/a.py", "f()\n", "try:\n    f()\nexcept Exception:\n    pass\n"), "silences"),
        (file("tests/test_a.py", "assert f() == 1\n", "assert f() == 2\n"), "Only tests were changed"),
    ],
)
def test_what_looks_like_a_fix_and_is_none_is_red(changed: FileDiff, warning: str) -> None:
    assert warning in red(proof(ran(1, a="failed"), ran(0, a="passed"), changed))


def test_what_tests_say_of_themselves_is_read_as_data() -> None:
    lines = [
        '{"test": "a", "state": "passed"}',
        '{"test": "a", "state": "error"}',
        '{"test": "a", "state": "passed"}',
        '{"test": "b", "state": "wonderful"}',
        '{"test": ["c"], "state": "passed"}',
        "no json",
        "[]",
    ]
    assert states(lines)["a"] == "error"
    assert "b" not in states(lines)
