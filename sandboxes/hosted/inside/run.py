"""Runs one command: its time, its output and its whole process tree are bounded here, next to it.

Prints lines: a letter and base64. `o` and `e` are pieces of output (compressed), `x` is how it ended (JSON), and
always the last. All descendants are killed when the command ends: this process is their subreaper, so that none
gets away by forking twice. A command that kills this process first can leave some behind; the caller then sees no
`x`, and gives the sandbox up.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import errno
import json
import os
import selectors
import signal
import subprocess
import sys
import time
import zlib
from typing import Any

SUBREAPER, NO_NEW_PRIVILEGES, DUMPABLE = 36, 38, 4  # prctl
PIECE = 1 << 16
KILL_SECONDS = 10
LOOK_SECONDS = 0.02


class Stopped(BaseException):
    """Somebody asked for the end (SIGTERM): the session was deleted."""


def say(letter: str, data: bytes) -> None:
    sys.stdout.buffer.write(letter.encode() + base64.b64encode(data) + b"\n")
    sys.stdout.buffer.flush()


def prepare() -> None:
    """Before anything of the agent's runs. Not dumpable: no other process may open our output and write to it."""
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((SUBREAPER, 1), (NO_NEW_PRIVILEGES, 1), (DUMPABLE, 0)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl %d" % option)

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Stopped

    for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(each, stop)
    os.closerange(3, 256)


def request(path: str) -> tuple[dict[str, Any], bytes]:
    """A line of JSON, then the command's input. The file is gone afterwards: it may hold secrets."""
    with open(path, "rb") as file:
        os.unlink(path)
        head = json.loads(file.readline())
        return head, file.read()


def start(head: dict[str, Any]) -> subprocess.Popen[bytes]:
    os.chdir(head["cwd"])
    return subprocess.Popen(
        head["argv"],
        stdin=subprocess.PIPE if head["input"] else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=head["env"],
        start_new_session=True,
        close_fds=False,  # ours close by themselves, and /proc/self/fd is shut to a process that isn't dumpable
        bufsize=0,
    )


class Pump:
    """Moves input and output until the child ends or the time is up."""

    def __init__(self, child: subprocess.Popen[bytes], given: bytes, limit: int) -> None:
        self.child, self.rest, self.room, self.truncated = child, memoryview(given), limit, False
        self.selector = selectors.DefaultSelector()
        for stream, letter in ((child.stdout, "o"), (child.stderr, "e")):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            self.selector.register(stream, selectors.EVENT_READ, letter)
        if child.stdin:
            os.set_blocking(child.stdin.fileno(), False)
            self.selector.register(child.stdin, selectors.EVENT_WRITE, "i")

    def until(self, deadline: float) -> bool:
        """False: the time is up."""
        while self.child.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if not self.step(min(left, LOOK_SECONDS)):
                time.sleep(min(max(left, 0), LOOK_SECONDS))
        return True

    def drain(self) -> None:
        """What is still in the pipes, once all who could write are gone."""
        while self.step(0):
            pass

    def step(self, seconds: float) -> bool:
        """False: nothing was there to do."""
        did = False
        if not self.selector.get_map():
            return False
        for key, _ in self.selector.select(seconds):
            did = True
            if key.data == "i":
                self.feed(key.fileobj)
            else:
                self.take(key.fileobj, key.data)
        return did or bool(seconds)

    def feed(self, stream: Any) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                self.rest = self.rest[os.write(stream.fileno(), self.rest[:PIECE]) :]
            except BrokenPipeError:
                self.rest = self.rest[:0]
        if not self.rest:
            self.selector.unregister(stream)
            stream.close()

    def take(self, stream: Any, letter: str) -> None:
        try:
            chunk = os.read(stream.fileno(), PIECE)
        except BlockingIOError:
            return
        if not chunk:
            self.selector.unregister(stream)
            return
        kept = chunk[: self.room]
        self.room -= len(kept)
        self.truncated = self.truncated or len(kept) < len(chunk)
        if kept:
            say(letter, zlib.compress(kept, 1))


def below() -> list[int]:
    """All descendants that live, zombies left out."""
    children: dict[int, list[int]] = {}
    dead = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open("/proc/%s/stat" % name) as file:
                fields = file.read().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(name))
                if fields[0] in "ZX":
                    dead.add(int(name))
    found, waiting = [], [os.getpid()]
    while waiting:
        fresh = children.get(waiting.pop(), [])
        found += fresh
        waiting += fresh
    return [pid for pid in found if pid not in dead]


def kill_all() -> int:
    """How many could not be killed."""
    end = time.monotonic() + KILL_SECONDS
    while True:
        alive = below()
        for pid in alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not alive or time.monotonic() > end:
            return len(alive)
        time.sleep(0.002)


def run(head: dict[str, Any], given: bytes) -> dict[str, Any]:
    try:
        child = start(head)
    except OSError as error:
        cwd = error.filename == head["cwd"] and head["argv"][0] != head["cwd"]
        return {"failed": "cwd" if cwd else "argv", "errno": error.errno or errno.EIO}
    pump = Pump(child, given, head["output"])
    try:
        in_time = pump.until(time.monotonic() + head["seconds"])
    except Stopped:
        kill_all()
        raise
    code = child.poll()
    left = kill_all()
    pump.drain()
    if not in_time or code is None:
        return {"timed_out": True, "truncated": pump.truncated, "left": left}
    return {"code": code if code >= 0 else 128 - code, "truncated": pump.truncated, "left": left}


def main() -> None:
    try:
        prepare()
        head, given = request(sys.argv[1])
        say("x", json.dumps(run(head, given)).encode())
    except Stopped:
        os._exit(143)


if __name__ == "__main__":
    main()
