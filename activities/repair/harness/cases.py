"""A function with a script of asserts: each assert that is reached is a case with an outcome of its own.

Jobs: `try` runs the asserts on each candidate; with `trace` also which lines each case executed. `agree` calls each
candidate with fresh inputs, made by small changes to those that the asserts use, and evaluates examples.
"""

import ast
import contextlib
import copy
import itertools
import math
import signal
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

from activities.repair.harness import fresh, serve

FILE = "<candidate>"
CASES = 400
LATE_CALLS = 4  # of one candidate, until it is asked no more
CALL_SECONDS = 0.05
ITEMS = 60
LATE = object()

Job = dict[str, Any]


class Recorder:
    """What each assert saw, and the lines executed since the last one."""

    def __init__(self, trace: bool) -> None:
        self.cases: list[list[str]] = []
        self.lines: list[list[int]] = []
        self._now: set[int] = set()
        self._trace = trace

    def add(self, line: int, state: str, seen: Any) -> None:
        if len(self.cases) < CASES:
            self.cases.append([f"{len(self.cases)}@{line}", state, fresh.described(seen)])
            if self._trace:
                self.lines.append(sorted(self._now))
                self._now.clear()

    def passed(self, line: int, good: object, *seen: Any) -> None:
        self.add(line, "pass" if good else "fail", seen[0] if seen else None)

    def raised(self, line: int, error: BaseException) -> None:
        if isinstance(error, serve.TimeUp):
            self.add(line, "time", None)
            raise error
        place, trace = 0, error.__traceback__
        while trace:
            place = trace.tb_lineno if trace.tb_frame.f_code.co_filename == FILE else place
            trace = trace.tb_next
        self.add(line, "error", f"{type(error).__name__} at {place}")

    def global_trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self.local_trace if frame.f_code.co_filename == FILE else None

    def local_trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self._now.add(frame.f_lineno)
        return self.local_trace


class Recording(ast.NodeTransformer):
    """Turns `assert a == b` into a recorded case that does not end the script."""

    def visit_Assert(self, node: ast.Assert) -> ast.Try:
        left: ast.NamedExpr | None = None
        condition = node.test
        if isinstance(condition, ast.Compare) and len(condition.ops) == 1:
            left = ast.NamedExpr(ast.Name("__seen__", ast.Store()), condition.left)
            condition = ast.Compare(left, condition.ops, condition.comparators)
        seen = [ast.Name("__seen__", ast.Load())] if left is not None else []
        line = ast.Constant(node.lineno)
        told = _call("passed", line, condition, *seen)
        failed = _call("raised", line, ast.Name("__error__", ast.Load()))
        handler = ast.ExceptHandler(ast.Name("BaseException", ast.Load()), "__error__", [ast.Expr(failed)])
        return ast.copy_location(ast.Try([ast.Expr(told)], [handler], [], []), node)


def _call(method: str, *arguments: ast.expr) -> ast.Call:
    recorder = ast.Name("__recorder__", ast.Load())
    return ast.Call(ast.Attribute(recorder, method, ast.Load()), list(arguments), [])


def serve_cases(request: dict[str, Any], emit: serve.Emit) -> None:
    job = request["job"]
    tree = ast.fix_missing_locations(Recording().visit(ast.parse(job["tests"])))
    tests = compile(tree, "<tests>", "exec")

    def attempt(candidate: serve.Candidate) -> serve.Outcome:
        return run(job, tests, candidate, job.get("trace", False))

    work = _agreement(job, tests) if job["op"] == "agree" else attempt
    serve.drive(request["candidates"], work, request["limits"], emit)


def _loaded(job: Job, candidate: serve.Candidate) -> dict[str, Any]:
    text = serve.applied(job["source"], [change[1:] for change in candidate["changes"]])
    namespace: dict[str, Any] = {"__name__": "candidate", "__builtins__": __builtins__}
    exec(compile(text, FILE, "exec"), namespace)
    return namespace


def run(job: Job, tests: CodeType, candidate: serve.Candidate, trace: bool) -> serve.Outcome:
    """All cases of one candidate. It passed when each case did and the script came to its end."""
    recorder, end, says = Recorder(trace), "done", ""
    try:
        namespace = _loaded(job, candidate)
        if trace:
            sys.settrace(recorder.global_trace)
        exec(tests, {**namespace, "__recorder__": recorder})
    except serve.TimeUp:
        end = "time"
    except BaseException as error:
        end, says = "error", f"{type(error).__name__}: {error}"[:200]
    finally:
        sys.settrace(None)
    good = end == "done" and bool(recorder.cases) and all(state == "pass" for _, state, _ in recorder.cases)
    result = {"end": end, "says": says, "cases": recorder.cases, "passed": good}
    return {**result, "lines": recorder.lines} if trace else result


def _agreement(job: Job, tests: CodeType) -> serve.Work:
    """What each candidate answers to the same fresh inputs, and which of the ticket's examples come out right."""

    made: list[list[fresh.Call]] = []  # once in each child

    def work(candidate: serve.Candidate) -> serve.Outcome:
        if not made:
            made.append(fresh.inputs(recorded(job, tests), job["count"], job["seed"]))
        namespace = _loaded(job, candidate)
        function = namespace[job["entry"]]
        given = answers(function, made[0])
        examples = [_example(namespace, *example) for example in job["examples"]]
        return {"end": "done", "answers": given, "examples": examples}

    return work


def recorded(job: Job, tests: CodeType) -> list[fresh.Call]:
    """The arguments of the entry point's calls by the tests, with the source as it was."""
    calls: list[fresh.Call] = []
    try:
        namespace = _loaded(job, {"changes": []})
        function = namespace[job["entry"]]

        def spy(*arguments: Any) -> Any:
            with contextlib.suppress(Exception):
                calls.append(copy.deepcopy(arguments))
            return _limited(lambda: function(*arguments))

        exec(tests, {**namespace, job["entry"]: spy, "__recorder__": Recorder(False)})
    except Exception:
        return calls
    return calls


def _limited(call: Callable[[], Any], late: Any = None) -> Any:
    """The call's value; `late` after CALL_SECONDS of processor time."""

    def ring(number: int, frame: object) -> None:
        raise serve.TimeUp

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, CALL_SECONDS)
    try:
        return call()
    except serve.TimeUp:
        return late
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def answers(function: Callable[..., Any], inputs: list[fresh.Call]) -> list[str]:
    """An answer to each input. A function that is slow on several is not asked any further."""
    given: list[str] = []
    for arguments in inputs:
        late = given.count("!time") >= LATE_CALLS
        given.append("!late" if late else _answer(function, arguments))
    return given


def _answer(function: Callable[..., Any], arguments: fresh.Call) -> str:
    try:
        value = _limited(lambda: _drawn(function(*copy.deepcopy(arguments))), LATE)
        return "!time" if value is LATE else fresh.described(value)
    except serve.TimeUp:
        raise
    except BaseException as error:
        return f"!{type(error).__name__}"


def _drawn(value: Any) -> Any:
    """The first items of an iterator, which tells nothing as it is."""
    return list(itertools.islice(value, ITEMS)) if isinstance(value, Iterator) else value


def _example(namespace: dict[str, Any], call: str, expected: str) -> bool:
    try:
        seen, wanted = _limited(lambda: eval(call, dict(namespace))), eval(expected, {})
        if isinstance(wanted, float) and isinstance(seen, float | int):
            return math.isclose(seen, wanted, rel_tol=1e-6)
        return bool(seen == wanted)
    except serve.TimeUp:
        raise
    except BaseException:
        return False
