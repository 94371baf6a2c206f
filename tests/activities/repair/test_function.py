"""A function with asserts, repaired in a real sandbox: found, ranked, refused; hostile candidates contained."""

import asyncio

import pytest

from activities.repair.function_trial import FunctionTrial
from activities.repair.ideas import Idea
from activities.repair.repair import repair
from activities.repair.source import Change, Edit, Source
from activities.repair.tries import Candidate, Outcome, Reader
from contracts.repair import FunctionUnderRepair, RepairLimits, RepairRequest, RepairResult
from sandboxes.protocol import Sandbox

CLOSE = """def close(numbers, threshold):
    for i, a in enumerate(numbers):
        for j, b in enumerate(numbers):
            if i != j:
                distance = a - b  # may be negative
                if distance < threshold:
                    return True
    return False
"""
CLOSE_TESTS = """
def check(close):
    assert close([1.0, 2.0, 3.9, 4.0], 0.3) == True
    assert close([1.0, 2.0, 3.9, 5.0], 0.3) == False
    assert close([1.0, 2.0, 5.9, 4.0, 5.0], 0.8) == False
check(close)
"""


def request(source: str, tests: str, entry: str, ticket: str = "", seconds: float = 200) -> RepairRequest:
    subject = FunctionUnderRepair(source=source, tests=tests, entry_point=entry)
    limits = RepairLimits(seconds=seconds, settle_tries=100)
    return RepairRequest(subject=subject, ticket=ticket, limits=limits)


async def test_a_missing_call_is_found_and_nothing_else_changes(sandbox: Sandbox) -> None:
    told: list[str] = []
    result = await repair(sandbox, request(CLOSE, CLOSE_TESTS, "close"), progress=told.append)
    assert result.ended == "fixed"
    best = result.candidates[0]
    changed = [line for line in best.diff.splitlines()[2:] if line[:1] in "+-"]
    assert len(changed) == 2
    assert "abs(" in best.diff
    assert best.passed == 3
    assert result.suspects[0].function == "close"
    assert any("small edits tried" in words for words in told)


async def test_the_same_input_gives_the_same_result(sandbox: Sandbox) -> None:
    one, two = [await repair(sandbox, request(CLOSE, CLOSE_TESTS, "close")) for _ in range(2)]
    still: RepairResult = two.model_copy(update={"seconds": one.seconds})
    assert one == still


async def test_two_edits_are_found_where_one_is_not_enough(sandbox: Sandbox) -> None:
    source = "def span(a, b):\n    low = max(a, b)\n    high = min(a, b)\n    return high - low + 1\n"
    tests = "assert span(1, 4) == 3\nassert span(9, 2) == 7\nassert span(5, 5) == 0\nassert span(-3, 3) == 6\n"
    result = await repair(sandbox, request(source, tests, "span"))
    assert result.ended == "fixed", result.note
    assert 1 <= len(result.candidates[0].kinds) <= 2


async def test_the_tickets_examples_decide_between_what_passes(sandbox: Sandbox) -> None:
    """One assert is passed by many edits; the ticket tells which of them is meant."""
    source = "def scale(x, y):\n    return x - y\n"
    ticket = "scale(3, 4) == 12 and scale(5, 0) == 0; scale(1, 7) == 7"
    result = await repair(sandbox, request(source, "assert scale(2, 2) == 4\n", "scale", ticket))
    assert "+    return x * y" in result.candidates[0].diff
    assert result.candidates[0].examples == (3, 3)


async def test_nothing_fails_and_nothing_runs_are_told_apart(sandbox: Sandbox) -> None:
    good = await repair(sandbox, request("def f(a):\n    return a\n", "assert f(1) == 1\n", "f"))
    assert good.ended == "nothing fails"
    empty = await repair(sandbox, request("def f(a):\n    return a\n", "f(1)\n", "f"))
    assert empty.ended == "unusable"
    broken = await repair(sandbox, request("def f(a:\n", "assert f(1) == 1\n", "f"))
    assert broken.ended == "unusable"
    assert "not Python" in broken.note


async def test_what_cannot_be_fixed_becomes_a_note_with_suspects(sandbox: Sandbox) -> None:
    source = "def secret(a):\n    return a + 1\n"
    tests = "import hashlib\nassert secret(1) == hashlib.sha256(b'1').hexdigest()\nassert secret(2) == 'x'\n"
    result = await repair(sandbox, request(source, tests, "secret", seconds=20))
    assert result.ended in ("exhausted", "out of time")
    assert result.candidates == ()
    assert "function.py:2 in secret" in result.note


async def test_a_check_that_raises_is_not_taken_away(sandbox: Sandbox) -> None:
    source = "def half(a):\n    if a > 1:\n        raise ValueError(a)\n    return a\n"
    tests = "assert half(0) == 0\nassert half(1) == 1\nassert half(2) == 2\nassert half(3) == 3\n"
    result = await repair(sandbox, request(source, tests, "half"))
    for each in result.candidates:
        assert "-        raise" not in each.diff
    for each in result.refused:
        assert each.refused


HOSTILE = {
    "loop": "while True: pass",
    "loop that catches": "while True:\n        try:\n            while True: pass\n        except BaseException: pass",
    "loop in C": "10 ** 10 ** 10",
    "sleep": "import time; time.sleep(999)",
    "exit": "import os; os._exit(0)",
    "kill": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "recursion": "return f(a)",
    "memory": "a = bytearray(1 << 40)",
    "much memory": "x = [bytearray(1 << 20) for _ in range(100000)]",
    "thread": "import threading, time; threading.Thread(target=time.sleep, args=(999,)).start(); return -1",
    "fork": "import os, time\n    if os.fork() == 0:\n        time.sleep(999)",
    "output": "import sys\n    for _ in range(1000): print('x' * 100000); sys.stderr.write('y' * 100000)",
    "lies": "import os\n    for fd in range(3, 40):\n        try: os.write(fd, LIE)\n        except OSError: pass",
    "exception": "raise KeyboardInterrupt",
    "deep answer": "x = []\n    for _ in range(100000): x = [x]\n    return x",
    "odd answer": "class R:\n        def __repr__(self): raise SystemExit\n        __eq__ = __repr__\n    return R()",
}


async def test_hostile_candidates_cost_only_their_own_try(sandbox: Sandbox) -> None:
    text = 'LIE = b"{}" + bytes([10]) * 9\n\ndef f(a):\n    pass\n    return a + 1\n'
    source = Source(text, "function.py")
    at = text.index("pass")
    bad = [Change(at, at + 4, code) for code in HOSTILE.values()]
    good = Change(text.rindex("1"), text.rindex("1") + 1, "2")
    ideas = [
        Idea(source, (Edit("name", 2, "", (change,)),), 0, 0) for each in bad for change in (each, good)
    ]  # after each hostile one comes one that has to work
    subject = FunctionUnderRepair(source=text, tests="assert f(1) == 3\nassert f(2) == 4\n", entry_point="f")
    trial = FunctionTrial(sandbox, subject, RepairLimits(memory_bytes=256 << 20))
    await trial.baseline()
    trial.cpu = 0.1
    outcomes = await trial.attempt(ideas, timeout=150)
    assert [outcome is not None and outcome.passed for outcome in outcomes[1::2]] == [True] * len(HOSTILE)
    assert [name for name, outcome in zip(HOSTILE, outcomes[::2], strict=True) if outcome and outcome.passed] == []


async def test_a_cancelled_search_leaves_nothing(sandbox: Sandbox) -> None:
    source = "def f(a):\n    while a:\n        pass\n    return 7\n"
    before = await sandbox.list()
    search = asyncio.create_task(repair(sandbox, request(source, "assert f(1) == 2\n", "f")))
    await asyncio.sleep(1.5)
    search.cancel()
    with pytest.raises(asyncio.CancelledError):
        await search
    left = await sandbox.exec(["sh", "-c", "cat /proc/[0-9]*/comm | sort | uniq; ls -a /work /tmp"])
    assert b"python" not in left.stdout
    assert await sandbox.list() == before


def test_what_the_sandbox_says_is_validated() -> None:
    told: list[Outcome] = []
    reader = Reader({1, 2, 3}, told.append)
    reader.take(b'{"id": 1, "end": "done", "passed": true, "cases": [["a", "pass", ""]]}\n{"id": 1, "end": "again"}\n')
    reader.take(b'{"id": 7, "end": "done"}\nnot json\n[1]\n{"id": 2, "end": "done", "cases": [["a", "great", ""]]}\n')
    reader.take(b'{"id": 2, "end": "done", "passed": "yes"}\n{"id": 2, "end": "done", "seconds": -1}\n')
    reader.take(b'{"id": 3, "end": "' + b"x" * (1 << 20) + b'"}\n' + b'{"id": 3, "end": "do')
    reader.take(b'ne"}\n{"id": -1, "end": "complete"}\n')
    assert [(outcome.id, outcome.end) for outcome in told] == [(1, "done"), (3, "done")]
    assert reader.complete


def test_a_candidate_sends_changes_and_not_files() -> None:
    sent = Candidate(4, "a.py", (Change(1, 2, "x"),)).sent()
    assert sent == {"id": 4, "changes": [["a.py", 1, 2, "x"]]}
