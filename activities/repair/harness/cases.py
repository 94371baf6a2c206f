"""A function with a script of asserts: each assert that is reached is a case with an outcome of its own.

Jobs: `try` runs the asserts on each candidate; with `trace` also which lines each case executed. `agree` calls each
candidate with fresh inputs, made by small changes to those that the asserts use, and evaluates examples.
"""

import ast
import contextlib
import copy
import math
import signal
import sys

from activities.repair.harness import fresh, serve

FILE = "<candidate>"
CASES = 400
LATE_CALLS = 4  # of one candidate, until it is asked no more
CALL_SECONDS = 0.05
LATE = object()


class Recorder:
    """What each assert saw, and the lines executed since the last one."""

    def __init__(self, trace):
        self.cases, self.lines, self._now, self._trace = [], [], set(), trace

    def add(self, line, state, seen):
        if len(self.cases) < CASES:
            self.cases.append([f"{len(self.cases)}@{line}", state, fresh.described(seen)])
            if self._trace:
                self.lines.append(sorted(self._now))
                self._now.clear()

    def passed(self, line, good, *seen):
        self.add(line, "pass" if good else "fail", seen[0] if seen else None)

    def raised(self, line, error):
        if isinstance(error, serve.TimeUp):
            self.add(line, "time", None)
            raise error
        place, trace = 0, error.__traceback__
        while trace:
            place = trace.tb_lineno if trace.tb_frame.f_code.co_filename == FILE else place
            trace = trace.tb_next
        self.add(line, "error", f"{type(error).__name__} at {place}")

    def global_trace(self, frame, event, argument):
        return self.local_trace if frame.f_code.co_filename == FILE else None

    def local_trace(self, frame, event, argument):
        if event == "line":
            self._now.add(frame.f_lineno)
        return self.local_trace


class Recording(ast.NodeTransformer):
    """Turns `assert a == b` into a recorded case that does not end the script."""

    def visit_Assert(self, node):
        left = None
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


def _call(method, *arguments):
    recorder = ast.Name("__recorder__", ast.Load())
    return ast.Call(ast.Attribute(recorder, method, ast.Load()), list(arguments), [])


def serve_cases(request, emit):
    job = request["job"]
    tree = ast.fix_missing_locations(Recording().visit(ast.parse(job["tests"])))
    tests = compile(tree, "<tests>", "exec")
    if job["op"] == "agree":
        work = _agreement(job, tests)
    else:
        work = lambda candidate: run(job, tests, candidate, job.get("trace", False))  # noqa: E731
    serve.drive(request["candidates"], work, request["limits"], emit)


def _loaded(job, candidate):
    text = serve.applied(job["source"], [change[1:] for change in candidate["changes"]])
    namespace = {"__name__": "candidate", "__builtins__": __builtins__}
    exec(compile(text, FILE, "exec"), namespace)
    return namespace


def run(job, tests, candidate, trace):
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


def _agreement(job, tests):
    """What each candidate answers to the same fresh inputs, and which of the ticket's examples come out right."""

    made = []  # once in each child

    def work(candidate):
        if not made:
            made.append(fresh.inputs(recorded(job, tests), job["count"], job["seed"]))
        namespace = _loaded(job, candidate)
        function = namespace[job["entry"]]
        answers = _answers(function, made[0])
        examples = [_example(namespace, *example) for example in job["examples"]]
        return {"end": "done", "answers": answers, "examples": examples}

    return work


def recorded(job, tests):
    """The arguments of the entry point's calls by the tests, with the source as it was."""
    calls = []
    try:
        namespace = _loaded(job, {"changes": []})
        function = namespace[job["entry"]]

        def spy(*arguments):
            with contextlib.suppress(Exception):
                calls.append(copy.deepcopy(arguments))
            return _limited(lambda: function(*arguments))

        exec(tests, {**namespace, job["entry"]: spy, "__recorder__": Recorder(False)})
    except Exception:
        return calls
    return calls


def _limited(call, late=None):
    """The call's value; `late` after CALL_SECONDS of processor time."""

    def ring(number, frame):
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


def _answers(function, inputs):
    """An answer to each input. A function that is slow on several is not asked any further."""
    answers = []
    for arguments in inputs:
        late = answers.count("!time") >= LATE_CALLS
        answers.append("!late" if late else _answer(function, arguments))
    return answers


def _answer(function, arguments):
    try:
        value = _limited(lambda: function(*copy.deepcopy(arguments)), LATE)
        return "!time" if value is LATE else fresh.described(value)
    except serve.TimeUp:
        raise
    except BaseException as error:
        return f"!{type(error).__name__}"


def _example(namespace, call, expected):
    try:
        seen, wanted = _limited(lambda: eval(call, dict(namespace))), eval(expected, {})
        if isinstance(wanted, float) and isinstance(seen, float | int):
            return math.isclose(seen, wanted, rel_tol=1e-6)
        return bool(seen == wanted)
    except serve.TimeUp:
        raise
    except BaseException:
        return False
