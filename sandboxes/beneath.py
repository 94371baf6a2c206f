"""File operations below one folder, by openat2: a link, `..` or a race can't lead out of it.

Looking at a path first and opening it afterwards loses races (one in six, when tried); here the kernel
itself refuses each step that would leave the folder.
"""

import ctypes
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import PurePosixPath

from contracts.errors import AccessRefused, BadInput, CountersignError, DiskFull, NotFound, SandboxUnavailable

OPENAT2 = 437
NO_MAGICLINKS, BENEATH = 0x02, 0x08
RACES = 16  # openat2 says EAGAIN when a rename happened meanwhile


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


@cache
def libc() -> ctypes.CDLL:
    """The C library. Loading it makes a class, which takes longer than a call."""
    return ctypes.CDLL(None, use_errno=True)


def open_beneath(folder: int, path: str, flags: int) -> int:
    """A descriptor of `path` below the open folder. Raises OSError; EXDEV or ELOOP: it leads out."""
    how = _How(flags | os.O_CLOEXEC, 0, BENEATH | NO_MAGICLINKS)
    size = ctypes.c_size_t(ctypes.sizeof(how))
    for _ in range(RACES):
        number = ctypes.c_long(OPENAT2)
        got: int = libc().syscall(number, ctypes.c_int(folder), os.fsencode(path), ctypes.byref(how), size)
        if got >= 0:
            return got
        if ctypes.get_errno() not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)


def relative(path: str) -> str:
    """`/work/a/b` or `a/b` as `a/b`. Raises BadInput for another absolute path or one with a zero byte."""
    pure = PurePosixPath(path)
    if "\0" in path:
        raise BadInput("A path can't hold a zero byte.", subject=repr(path))
    if pure.is_absolute():
        if not pure.is_relative_to("/work"):
            raise AccessRefused(f"{path!r} is not below /work.", subject=path)
        pure = pure.relative_to("/work")
    return str(pure)


@contextmanager
def named_errors(path: str, *, passing: type[OSError] | tuple[()] = ()) -> Iterator[None]:
    """OSError of a file operation, as an error a person can act on; `passing` stays as it is."""
    try:
        yield
    except passing:
        raise
    except OSError as error:
        raise _translate(error, path) from error


def _translate(error: OSError, path: str) -> CountersignError:
    match error.errno:
        case errno.EXDEV | errno.ELOOP:
            return AccessRefused(f"{path!r} leads out of the sandbox's folder.", subject=path)
        case errno.EACCES | errno.EPERM:
            return AccessRefused(f"{path!r} can't be used: {error.strerror}.", subject=path)
        case errno.ENOENT:
            return NotFound(f"There is no {path!r} in the sandbox.", subject=path)
        case errno.ENOSPC | errno.EDQUOT:
            return DiskFull(f"No room to write {path!r}.", subject=path, way_out="Free some disk space.")
        case errno.ENOSYS:
            return SandboxUnavailable(
                "This kernel has no openat2, so files can't be opened safely.",
                subject=os.uname().release,
                way_out="Linux 5.6 or newer is needed.",
            )
        case _:
            return BadInput(f"{path!r} can't be used: {error.strerror}.", subject=path)


@contextmanager
def parent_of(folder: int, path: str) -> Iterator[tuple[int, str]]:
    """The open folder that a path lies in, and the path's last name. Raises OSError."""
    pure = PurePosixPath(path)
    parent = open_beneath(folder, str(pure.parent), os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield parent, pure.name
    finally:
        os.close(parent)


def read_file(folder: int, path: str, limit: int) -> bytes:
    """A regular file's bytes. Raises NotFound, AccessRefused, BadInput (not a file; more than `limit`)."""
    with named_errors(path):
        # O_NONBLOCK: opening a fifo must not wait for its other end.
        descriptor = open_beneath(folder, relative(path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BadInput(f"{path!r} is not a regular file.", subject=path)
            data = file.read(limit + 1)
    if len(data) > limit:
        raise BadInput(f"{path!r} is larger than {limit:,} bytes.", subject=path, way_out="Raise the limit.")
    return data


def list_folder(folder: int, path: str) -> list[str]:
    """Sorted names; folders end with a slash, links are not followed."""
    with named_errors(path):
        descriptor = open_beneath(folder, relative(path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            with os.scandir(descriptor) as entries:
                return sorted(entry.name + "/" * entry.is_dir(follow_symlinks=False) for entry in entries)
        finally:
            os.close(descriptor)


def write_file(folder: int, path: str, data: bytes, mode: int) -> None:
    """Create or replace a file, atomically: a link or fifo of that name is replaced, never written to.

    What is made belongs to the owner of the folder, also when root makes it.
    """
    pure = PurePosixPath(relative(path))
    if not pure.name or pure.name == "..":
        raise BadInput(f"{path!r} names no file.", subject=path)
    with named_errors(path):
        parent = _make_parents(folder, pure.parent)
        try:
            _replace(parent, pure.name, data, mode)
        finally:
            os.close(parent)


def _make_parents(folder: int, parents: PurePosixPath) -> int:
    """An open descriptor of the parent folder, made step by step, each step beneath the root."""
    current = open_beneath(folder, ".", os.O_RDONLY | os.O_DIRECTORY)
    for depth in range(1, len(parents.parts) + 1):
        step = PurePosixPath(*parents.parts[:depth])
        try:
            if step.name != "..":
                os.mkdir(step.name, 0o755, dir_fd=current)
                give(current, step.name)
        except FileExistsError:
            pass
        except OSError:
            os.close(current)
            raise
        os.close(current)
        current = open_beneath(folder, str(step), os.O_RDONLY | os.O_DIRECTORY)
    return current


def give(parent: int, name: str) -> None:
    """Hand what was just made to the parent folder's owner, never following a link."""
    owner = os.fstat(parent)
    if owner.st_uid != os.geteuid():
        os.chown(name, owner.st_uid, owner.st_gid, dir_fd=parent, follow_symlinks=False)


def _replace(parent: int, name: str, data: bytes, mode: int) -> None:
    temporary = f".{secrets.token_hex(8)}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, mode & 0o777, dir_fd=parent), "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode & 0o777)
        give(parent, temporary)
        os.replace(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    except OSError:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=parent)
        raise
