"""A repository's tests: collected once, then run in a forked child for each candidate.

The edited code goes into the functions that are loaded, in the child only: no file is written, so tries run at the
same time and leave nothing. What runs at import needs a child that has not collected yet (`mode` cold).
Ops: `try`, with `trace` for the lines that each test executed; `agree` for answers to fresh inputs.
"""

import copy
import functools
import importlib.util
import os
import sys
import threading
from collections.abc import Callable
from types import FrameType, FunctionType
from typing import Any, NamedTuple

from activities.repair.harness import cases, fresh, serve, swap

OUTPUT, OUTPUTS = 6000, 20  # characters of a failure's text, and how many are told
LINES = 4000  # of one test
CALLS = 300

Job = dict[str, Any]


class Items(NamedTuple):
    """What was collected: functions of the repository in memory, by path, and the tests."""

    functions: dict[str, swap.Functions]
    failing: list[Any]
    others: list[Any]


def serve_tests(request: dict[str, Any], emit: serve.Emit) -> None:
    job = request["job"]
    root = os.path.realpath(job["root"])
    os.chdir(root)
    sys.path.insert(0, root)
    sys.argv = ["pytest"]
    import pytest

    server = Server(request, emit, root)
    if job["mode"] == "warm":
        pytest.main(arguments(job), plugins=[server])
    else:
        serve.drive(request["candidates"], functools.partial(server.cold, pytest.main), request["limits"], emit)


def arguments(job: Job) -> list[str]:
    """No cache, no coverage, no other processes, no shuffling; capture in memory, which forks well."""
    fixed = ["-q", "--capture=sys", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:faulthandler"]
    if not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):  # an option of a plugin that isn't loaded is an error
        fixed += ["-n0"] if importlib.util.find_spec("xdist") else []
        fixed += ["--no-cov"] if importlib.util.find_spec("pytest_cov") else []
    return [*fixed, *job["arguments"]]


def edited(root: str, candidate: serve.Candidate) -> dict[str, str]:
    """{real path: text} of the files that a candidate changes."""
    texts = {}
    for path in {change[0] for change in candidate["changes"]}:
        real = os.path.realpath(os.path.join(root, path))
        changes = [change[1:] for change in candidate["changes"] if change[0] == path]
        texts[real] = serve.applied(read(real), changes)
    return texts


def read(path: str) -> str:
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


class Recorder:
    """How each test went, and what it executed."""

    def __init__(self, root: str, trace: bool) -> None:
        self.root, self.trace = root, trace
        self.cases: dict[str, list[str]] = {}
        self.lines: dict[str, dict[str, list[int]]] = {}
        self.output: list[str] = []
        self._now: set[tuple[str, int]] = set()
        self._files: dict[str, str] = {}

    def add(self, name: str, state: str, text: str = "") -> None:
        self.cases[name] = [name, state, text[:300]]

    def told(self, report: Any) -> None:
        crash = getattr(getattr(report, "longrepr", None), "reprcrash", None)
        if report.failed:
            if len(self.output) < OUTPUTS:
                self.output.append(str(report.longreprtext)[-OUTPUT:])
            seen = f"{crash.path}:{crash.lineno}: {crash.message}" if crash else str(report.longreprtext)[-300:]
            self.add(report.nodeid, "fail" if report.when == "call" else "error", seen)
        elif report.skipped:
            self.add(report.nodeid, "skip")
        elif report.when == "call":
            self.add(report.nodeid, "pass")

    def start(self) -> None:
        self._now = set()
        sys.settrace(self._global)
        threading.settrace(self._global)

    def stop(self, name: str) -> None:
        sys.settrace(None)
        threading.settrace(None)
        told: dict[str, list[int]] = {}
        for path, line in sorted(self._now)[:LINES]:
            told.setdefault(path, []).append(line)
        self.lines[name] = told

    def _global(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._local if self._path(frame.f_code.co_filename) else None

    def _local(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self._now.add((self._path(frame.f_code.co_filename), frame.f_lineno))
        return self._local

    def _path(self, file: str) -> str:
        """Below the root; empty for what is elsewhere, or installed there."""
        if file not in self._files:
            real = os.path.realpath(file)
            ours = real.startswith(self.root + os.sep) and "site-packages" not in real and f"{os.sep}." not in real
            self._files[file] = os.path.relpath(real, self.root) if ours else ""
        return self._files[file]

    def result(self, job: Job) -> serve.Outcome:
        found = list(self.cases.values())
        wanted = [self.cases.get(name) for name in job["failing"]]
        good = bool(found) and all(case and case[1] == "pass" for case in wanted)
        good = good and all(case[1] in ("pass", "skip") for case in found if case[0] in set(job["others"]))
        if not self.trace and not job.get("all"):  # what passes as before need not be told
            found = [case for case in found if case[0] in job["failing"] or case[1] != "pass"]
        result: serve.Outcome = {"end": "done", "cases": found, "passed": good, "says": "\n".join(self.output)[-4000:]}
        lines = [self.lines.get(case[0], {}) for case in found]
        return {**result, "lines": lines} if self.trace else result


class Server:
    """A pytest plugin that, instead of running the tests, serves candidates with them."""

    def __init__(self, request: dict[str, Any], emit: serve.Emit, root: str) -> None:
        self.request, self.emit, self.root = request, emit, root
        self.job, self.in_child = request["job"], False
        self.recorder = Recorder(root, self.job.get("trace", False))

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.recorder.output.append(str(report.longreprtext)[-OUTPUT:])
            self.recorder.add(report.nodeid, "error", "collect: " + str(report.longreprtext)[-250:])

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.recorder.told(report)

    def pytest_runtestloop(self, session: Any) -> bool:
        """First of all implementations that returns something wins, so pytest's own loop is not reached."""
        by_name = {item.nodeid: item for item in session.items}
        failing = [by_name[name] for name in self.job["failing"] if name in by_name]
        others = [by_name[name] for name in self.job["others"] if name in by_name]
        if self.job.get("all"):
            failing, others = session.items, []
        if self.in_child:
            self.run(failing, others)
            return True
        items = Items(swap.live(self.root), failing, others)
        work = self.agreement if self.job["op"] == "agree" else self.warm
        each = functools.partial(work, items=items)
        serve.drive(self.request["candidates"], each, self.request["limits"], self.emit)
        return True

    def run(self, failing: list[Any], others: list[Any]) -> None:
        """All that failed before; the others only when those pass now, up to the first that does not."""
        self._each(failing, False)
        states = [self.recorder.cases.get(item.nodeid, ["", ""])[1] for item in failing]
        if all(state == "pass" for state in states) or self.job.get("trace"):
            self._each(others, not self.job.get("trace"))

    def _each(self, items: list[Any], stop: bool) -> None:
        for item, following in zip(items, [*items[1:], None], strict=False):
            if self.recorder.trace:
                self.recorder.start()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.recorder.trace:
                self.recorder.stop(item.nodeid)
            if stop and self.recorder.cases.get(item.nodeid, ["", "pass"])[1] in ("fail", "error"):
                return

    def cold(self, main: Callable[..., object], candidate: serve.Candidate) -> serve.Outcome:
        """The whole of pytest, with the edited modules in the place of the files."""
        swap.load_instead(edited(self.root, candidate))
        self.in_child = True
        main(arguments(self.job), plugins=[self])
        return self.recorder.result(self.job)

    def warm(self, candidate: serve.Candidate, items: Items) -> serve.Outcome:
        try:
            for path, text in edited(self.root, candidate).items():
                swap.swap(path, read(path), text, items.functions.get(path, {}))
        except swap.Cold:
            return {"end": "cold"}
        self.run(items.failing, items.others)
        return self.recorder.result(self.job)

    def agreement(self, candidate: serve.Candidate, items: Items) -> serve.Outcome:
        """Answers to fresh inputs, made from the calls that the tests make of the function as it was."""
        path, name, line = self.job["function"]
        path = os.path.realpath(os.path.join(self.root, path))
        held = items.functions.get(path, {}).get((name, line), [])
        if not held:
            return {"end": "cold"}
        calls = self._calls(held[0], [*items.failing, *items.others][:40])
        inputs = fresh.inputs(calls, self.job["count"], self.job["seed"])
        try:
            for each, text in edited(self.root, candidate).items():
                swap.swap(each, read(each), text, items.functions.get(each, {}))
        except swap.Cold:
            return {"end": "cold"}
        return {"end": "done", "answers": cases.answers(held[0], inputs), "examples": []}

    def _calls(self, function: FunctionType, items: list[Any]) -> list[fresh.Call]:
        code, calls = function.__code__, list[fresh.Call]()

        def spy(frame: FrameType, event: str, argument: Any) -> None:
            if event == "call" and frame.f_code is code and len(calls) < CALLS:
                names = code.co_varnames[: code.co_argcount]
                try:
                    calls.append(tuple(copy.deepcopy(frame.f_locals[name]) for name in names))
                except Exception:
                    return

        sys.setprofile(spy)
        self._each(items, False)
        sys.setprofile(None)
        return calls


Server.pytest_runtestloop.pytest_impl = {"tryfirst": True}  # type: ignore[attr-defined] # as pytest.hookimpl does
