"""Tries in forked children, each with its own limits; one JSON line a try on standard output.

A child runs a few tries in turn. A timer on its processor time ends a try that is too long; if that does not
help (a loop in C, a caught exception, a sleep), the parent kills the child and goes on with the next try. What
a child sends is checked here for its shape, and again on the host.
"""

import contextlib
import json
import os
import resource
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

PRIVATE: list[int] = []  # descriptors that no child may have

Candidate = dict[str, Any]
Outcome = dict[str, Any]
Limits = dict[str, Any]
Work = Callable[[Candidate], Outcome]
Emit = Callable[[Outcome], None]


class TimeUp(BaseException):
    """The try's time is up. Not an Exception, so that few candidates catch it; the timer rings again if one does."""


class Child:
    """One forked process with the tries it still has to do."""

    def __init__(self, todo: list[Candidate], work: Work, limits: Limits) -> None:
        read, write = os.pipe()
        self.todo, self.buffer, self.began, self.retired = list(todo), b"", time.monotonic(), False
        self.longest = limits["line"]
        self.pid = os.fork()
        if self.pid == 0:
            os.close(read)
            _live(write, self.todo, work, limits)
        os.close(write)
        os.set_blocking(read, False)
        self.pipe = read

    def lines(self) -> tuple[list[bytes], bool]:
        """Complete results so far, and whether the child is gone."""
        try:
            chunk = os.read(self.pipe, 1 << 16)
        except BlockingIOError:
            return [], False
        self.buffer += chunk
        *whole, self.buffer = self.buffer.split(b"\n")
        return whole, not chunk or len(self.buffer) > self.longest

    def end(self) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.pipe)
        os.waitpid(self.pid, 0)


def drive(candidates: list[Candidate], work: Work, limits: Limits, emit: Emit) -> None:
    """Run `work(candidate)` for each, `limits["workers"]` at a time, and `emit` each result."""
    waiting = [candidates[at : at + limits["chunk"]] for at in range(0, len(candidates), limits["chunk"])][::-1]
    children: list[Child] = []
    while waiting or children:
        while waiting and len(children) < limits["workers"]:
            children.append(Child(waiting.pop(), work, limits))
        ready, _, _ = select.select([child.pipe for child in children], [], [], 0.05)
        for child in list(children):
            results, gone = _collect(child, child.pipe in ready, limits)
            for result in results:
                emit(result)
            if gone or not child.todo:
                child.end()
                children.remove(child)
                if child.todo:
                    waiting.append(child.todo)


def _collect(child: Child, ready: bool, limits: Limits) -> tuple[list[Outcome], bool]:
    """Valid results in order. The try that a dead, stuck or lying child was at is reported and not repeated."""
    lines, gone = child.lines() if ready else ([], False)
    results: list[Outcome] = []
    for line in lines:
        result = _valid(line, child.todo[0]["id"], limits["line"]) if child.todo else None
        if result is None:
            gone = True
            break
        results.append(result)
        child.todo.pop(0)
        child.began, child.retired = time.monotonic(), bool(result.get("retired"))
    stuck = time.monotonic() - child.began > limits["wall"]
    if child.todo and (stuck or (gone and not child.retired)):
        results.append({"id": child.todo.pop(0)["id"], "end": "stuck" if stuck else "died"})
        gone = True
    return results, gone


def _valid(line: bytes, wanted: int, longest: int) -> Outcome | None:
    try:
        result = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return result if isinstance(result, dict) and result.get("id") == wanted and len(line) < longest else None


def _live(write: int, todo: list[Candidate], work: Work, limits: Limits) -> NoReturn:
    """A child's whole life. It never returns into the parent's code."""
    try:
        _confine(limits)
        for candidate in todo:
            result = _timed(candidate, work, limits)
            result["retired"] = threading.active_count() > 1 or len(os.listdir("/proc/self/task")) > 1
            line = json.dumps(result).encode() + b"\n"
            while line:
                line = line[os.write(write, line) :]
            if result["retired"]:
                break
    finally:
        os._exit(0)


def _confine(limits: Limits) -> None:
    os.setpgid(0, 0)
    for descriptor in PRIVATE:
        os.close(descriptor)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    for which, value in (
        (resource.RLIMIT_DATA, limits["memory"]),
        (resource.RLIMIT_FSIZE, limits["file"]),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(which)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def _timed(candidate: Candidate, work: Work, limits: Limits) -> Outcome:
    """The result of one try, with how it ended. The recursion limit is set back for each."""

    armed = True

    def ring(number: int, frame: object) -> None:
        if armed:
            raise TimeUp

    sys.setrecursionlimit(1000)
    before = time.process_time()
    signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, limits["cpu"], 0.02)
    try:
        result = work(candidate)
    except BaseException as error:
        armed = False
        result = {"end": "time" if isinstance(error, TimeUp) else "error", "says": type(error).__name__[:80]}
    armed = False
    signal.setitimer(signal.ITIMER_PROF, 0)
    return {**result, "id": candidate["id"], "seconds": round(time.process_time() - before, 4)}


def applied(text: str, changes: Iterable[list[Any]]) -> str:
    """`text` with changes [start, end, new], which do not overlap."""
    for start, end, new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def main(request: dict[str, Any], shapes: dict[str, Callable[[dict[str, Any], Emit], None]]) -> None:
    """Do the request's tries. Results go to a copy of standard output that no child has."""
    out = os.fdopen(os.dup(1), "w")
    PRIVATE.append(out.fileno())
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)

    def emit(result: Outcome) -> None:
        out.write(json.dumps(result) + "\n")
        out.flush()

    shapes[request["job"]["shape"]](request, emit)
    emit({"id": -1, "end": "complete"})
