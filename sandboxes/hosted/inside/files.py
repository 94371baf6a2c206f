"""Reads, writes and compares files below /work, for one call of the worker's.

The argument is base64 of a JSON request, or @ and a file that holds it (a line) and a body. Prints one line: `reply:`
and base64 of a JSON answer; what does not fit is left in a file that the answer names, with its length and digest.
A path may lead anywhere below /work, also through links; one that leads out is refused. That is looked at first and
opened afterwards, which a process inside can race: it gains nothing by it, since it runs as the same user and can open
the file itself.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
import sys
import time
import zlib
from collections.abc import Iterator
from typing import Any, Dict

Answer = Dict[str, Any]
INLINE = 1 << 17


def real(root: str, path: str) -> str:
    """Where it leads, if that is below the root."""
    full = os.path.realpath(os.path.join(root, path))
    if full != root and not full.startswith(root + "/"):
        raise OSError(errno.EXDEV, "leads out", path)
    return full


def place(root: str, path: str) -> str:
    """The path itself, not what it links to, in a folder below the root."""
    parent, name = os.path.split(path)
    return os.path.join(real(root, parent), name)


def hello(root: str, _: Answer, __: bytes) -> tuple[Answer, bytes]:
    return {
        "uid": os.getuid(),
        "python": list(sys.version_info[:2]),
        "git": bool(shutil.which("git")),
        "work": os.path.isdir(root) and os.access(root, os.W_OK),
    }, b""


def read(root: str, ask: Answer, _: bytes) -> tuple[Answer, bytes]:
    descriptor = os.open(real(root, ask["path"]), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return {"not_regular": True}, b""
        data = file.read(ask["limit"] + 1)
    return ({"too_large": True}, b"") if len(data) > ask["limit"] else ({}, data)


def write(root: str, ask: Answer, body: bytes) -> tuple[Answer, bytes]:
    parent = real(root, os.path.dirname(ask["path"]))
    os.makedirs(parent, mode=0o755, exist_ok=True)
    replace(os.path.join(real(root, parent), os.path.basename(ask["path"])), body, ask["mode"])
    return {}, b""


def replace(target: str, body: bytes, mode: int) -> None:
    """A link or pipe of that name is replaced, never written to."""
    temporary = os.path.join(os.path.dirname(target), ".%s.new" % secrets.token_hex(8))
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(temporary, flags, mode & 0o777), "wb") as file:
            file.write(body)
            os.fchmod(file.fileno(), mode & 0o777)
        os.replace(temporary, target)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def names(root: str, ask: Answer, _: bytes) -> tuple[Answer, bytes]:
    with os.scandir(real(root, ask["path"])) as entries:
        found = sorted(each.name + "/" * each.is_dir(follow_symlinks=False) for each in entries)
    return {}, json.dumps(found).encode()


def scan(root: str, _: Answer, __: bytes) -> tuple[Answer, bytes]:
    """Rows of path, kind, mode, size, time of change (ns) and inode, without pipes, sockets and devices."""
    now = time.time_ns()
    return {"now": now}, json.dumps(list(walk(root))).encode()


def walk(root: str) -> Iterator[list[Any]]:
    waiting = [""]
    while waiting:
        at = waiting.pop()
        try:
            entries = os.scandir(os.path.join(root, at) if at else root)
        except FileNotFoundError:
            continue
        with entries:
            for each in entries:
                path = "%s/%s" % (at, each.name) if at else each.name
                with contextlib.suppress(FileNotFoundError):
                    status = each.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        waiting.append(path)
                        yield [path, "folder", status.st_mode & 0o777, 0, 0, 0]
                    elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                        kind = "file" if stat.S_ISREG(status.st_mode) else "link"
                        yield [path, kind, status.st_mode & 0o777, status.st_size, status.st_ctime_ns, status.st_ino]


def bodies(root: str, ask: Answer, _: bytes) -> tuple[Answer, bytes]:
    """The bodies of files and the targets of links, one after the other. A length of -1: it is gone, or no file."""
    parts, lengths = [], []
    for path in ask["paths"]:
        part = body_of(place(root, path), path)
        lengths.append(-1 if part is None else len(part))
        parts.append(part or b"")
    return {"lengths": lengths}, b"".join(parts)


def body_of(full: str, path: str) -> bytes | None:
    try:
        if os.path.islink(full):
            return os.fsencode(os.readlink(full))
        descriptor = os.open(full, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    with os.fdopen(descriptor, "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def apply(root: str, ask: Answer, body: bytes) -> tuple[Answer, bytes]:
    """Remove, then put: rows of path, kind, mode, length in the body, and whether to clear what is there."""
    for path in ask["remove"]:
        remove(place(root, path))
    at = 0
    for path, kind, mode, length, clear in ask["put"]:
        part, at = body[at : at + length], at + length
        target = place(root, path)
        if clear:
            remove(target)
        if kind == "file":
            replace(target, part, mode)
        elif kind == "folder":
            with contextlib.suppress(FileExistsError):
                os.mkdir(target, 0o700)
        else:
            remove(target)
            os.symlink(os.fsdecode(part), target)
    for path, mode in ask["modes"]:
        os.chmod(place(root, path), mode)
    return {}, b""


def remove(target: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISDIR(os.lstat(target).st_mode):
            os.rmdir(target)
        else:
            os.unlink(target)


OPERATIONS = {
    "hello": hello,
    "read": read,
    "write": write,
    "list": names,
    "scan": scan,
    "bodies": bodies,
    "apply": apply,
}


def request(word: str) -> tuple[Answer, bytes]:
    if not word.startswith("@"):
        return json.loads(base64.b64decode(word)), b""
    with open(word[1:], "rb") as file:
        os.unlink(word[1:])
        return json.loads(file.readline()), file.read()


def answered(word: str) -> tuple[Answer, bytes, str]:
    ask, body = request(word)
    try:
        return (*OPERATIONS[ask["op"]](ask["root"], ask, body), ask["scratch"])
    except OSError as error:
        return {"errno": error.errno or errno.EIO, "path": str(error.filename or "")}, b"", ask["scratch"]


def main() -> None:
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # not dumpable: no other process may write to our output
    answer, body, scratch = answered(sys.argv[1])
    packed = zlib.compress(body, 1)
    answer.update(size=len(body), packed=len(packed), sha256=hashlib.sha256(body).hexdigest())
    if len(packed) <= INLINE:
        answer["body"] = base64.b64encode(packed).decode()
    else:
        answer["staged"] = secrets.token_hex(16)
        with open(os.path.join(scratch, answer["staged"]), "xb") as file:
            file.write(packed)
    print("reply:" + base64.b64encode(json.dumps(answer).encode()).decode())


if __name__ == "__main__":
    main()
