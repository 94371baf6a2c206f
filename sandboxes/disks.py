"""A disk of its own for each sandbox: a sized ext4 in a loop device, so that `disk_bytes` bounds the sum of
all files, and their number.

It needs a worker that may mount. A sized tmpfs would need less, but counts as memory: a full disk would then
be a killed process. The image is unlinked as soon as the loop device holds it, and the device clears itself,
so that a killed worker leaves a mount and nothing else. Making one costs 6 ms, so the next is made ahead.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import secrets
import shutil
import struct
import subprocess
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from sandboxes import beneath

# linux/loop.h: _IO-less numbers, struct loop_config of 304 bytes, lo_flags at 8 + 52.
LOOP_CTL_GET_FREE, LOOP_CONFIGURE = 0x4C82, 0x4C0A
LOOP_CONFIG_BYTES, FLAGS_AT, AUTOCLEAR, BLOCK = 304, 60, 4, 4096
# sys/mount.h
NOSUID, NODEV, NOATIME, BIND, DETACH = 0x2, 0x4, 0x400, 0x1000, 0x2
# linux/ext4.h: forget what isn't written yet instead of writing it to an image that is thrown away.
EXT4_SHUTDOWN, WITHOUT_FLUSH = 0x8004587D, 2
MKFS = (
    *("mkfs.ext4", "-q", "-F", "-m0", "-b", str(BLOCK), "-O", "^has_journal,^resize_inode"),
    *("-E", "lazy_itable_init=1,nodiscard"),
)
# The kernel would write zeros over all inode tables in the background otherwise.
OPTIONS = "noinit_itable"
SMALLEST = 4 << 20
TRIAL = "trial-"
TRIES = 20


class Disks:
    """Makes disks; templates are kept in `folder`. Any thread may use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._ahead: dict[int, Future[int]] = {}
        self._asked: set[int] = set()
        self._maker: ThreadPoolExecutor | None = None
        weakref.finalize(self, _close_all, self._ahead)

    def mount(self, size: int, target: Path) -> None:
        """A new, empty disk at `target`, which is made. Raises OSError."""
        size = max(size, SMALLEST)
        with self._lock:
            ready = self._ahead.pop(size, None)
        device = _made(ready) or self._device(size)
        try:
            target.mkdir(mode=0o700)
            _mount(Path(f"/proc/self/fd/{device}").readlink(), target)
        finally:
            os.close(device)
        self._make_ahead(size)

    def _make_ahead(self, size: int) -> None:
        """From the second disk of a size on: who needs one only shall not pay for two."""
        with self._lock:
            if size not in self._asked:
                self._asked.add(size)
                return
            self._maker = self._maker or ThreadPoolExecutor(1, thread_name_prefix="sandbox-disk")
            if size not in self._ahead:
                with contextlib.suppress(RuntimeError):  # the interpreter is ending
                    self._ahead[size] = self._maker.submit(self._warm_device, size)

    def _device(self, size: int) -> int:
        """A loop device with a fresh image that has no name any more."""
        image = self.folder / f".{secrets.token_hex(6)}"
        try:
            _copy_sparse(self._template(size), image)
            return _attach(image)
        finally:
            image.unlink(missing_ok=True)

    def _warm_device(self, size: int) -> int:
        """One whose data the kernel has read already, so that mounting it waits for no other thread of the kernel."""
        device = self._device(size)
        with self._template(size).open("rb") as template:
            for start, end in _filled(template.fileno()):
                os.pread(device, end - start, start)
        return device

    def _template(self, size: int) -> Path:
        template = self.folder / f"{size}.ext4"
        if not template.exists():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = self.folder / f".{secrets.token_hex(6)}.new"
            try:
                with new.open("wb") as file:
                    file.truncate(size)
                done = subprocess.run([_mkfs(), *MKFS[1:], str(new)], capture_output=True, check=False, env={})
                if done.returncode != 0:
                    said = done.stderr.decode(errors="replace").strip()
                    raise OSError(errno.ENOSPC if "No space left" in said else errno.EIO, said)
                new.replace(template)
            finally:
                new.unlink(missing_ok=True)
        return template


def _close_all(ahead: dict[int, Future[int]]) -> None:
    """Those that were made ahead and nobody wants any more clear themselves once closed."""
    for future in ahead.values():
        if not future.cancel():
            future.add_done_callback(_close)


def _close(made: Future[int]) -> None:
    if made.exception() is None:
        os.close(made.result())


def _made(ahead: Future[int] | None) -> int | None:
    """One made ahead. What stopped it then, such as a full disk, may be over: it is made anew."""
    with contextlib.suppress(OSError):
        return ahead.result() if ahead else None
    return None


def find(folder: Path) -> Disks | None:
    """Disks in `folder`, tried out, or None where this process can't make one."""
    if os.geteuid() != 0 or not _mkfs() or not os.access("/dev/loop-control", os.W_OK):
        return None
    disks = Disks(folder)
    try:
        with trial(folder) as place:
            disks.mount(SMALLEST, place)
    except OSError:
        return None
    return disks


@contextlib.contextmanager
def trial(folder: Path) -> Iterator[Path]:
    """A place in the folder to try a mount at; what is mounted there goes with it. Raises OSError.

    A process that dies meanwhile leaves its mount, and the host one loop device less for ever: the next trial takes
    it away. Whose process lives holds a lock beside it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob(f"{TRIAL}*.lock"):
        _clear(left)
    place = folder / f"{TRIAL}{secrets.token_hex(6)}"
    descriptor = os.open(place.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield place
    finally:
        _remove(place)
        os.close(descriptor)


def _clear(lock: Path) -> None:
    """Remove a trial whose process is dead."""
    with contextlib.suppress(OSError):  # somebody else is at it, or it is alive
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(lock.with_suffix(""))
        finally:
            os.close(descriptor)


def _remove(place: Path) -> None:
    with contextlib.suppress(OSError):
        detach(place)
        place.rmdir()
    place.with_suffix(".lock").unlink(missing_ok=True)


def _mkfs() -> str:
    """Its path; it is often kept where a worker's PATH doesn't lead. Empty: it isn't there."""
    return shutil.which(MKFS[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or ""


def detach(target: Path) -> None:
    """Take a disk away with all that is on it; fine when there is none."""
    if not os.path.ismount(target):
        return
    with _opened(target) as descriptor, contextlib.suppress(OSError):
        fcntl.ioctl(descriptor, EXT4_SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
    call("umount2", os.fsencode(target), DETACH)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _attach(image: Path) -> int:
    """A descriptor of a loop device over the image. Closed and not mounted, it clears itself."""
    backing = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    try:
        with _opened(Path("/dev/loop-control")) as control:
            for _ in range(TRIES):
                device = os.open(f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE)}", os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.ioctl(device, LOOP_CONFIGURE, _config(backing))
                    return device
                except OSError as error:  # somebody else took it in between
                    os.close(device)
                    if error.errno != errno.EBUSY:
                        raise
    finally:
        os.close(backing)
    raise OSError(errno.EBUSY, "no loop device could be had")


def _config(backing: int) -> bytes:
    config = bytearray(LOOP_CONFIG_BYTES)
    struct.pack_into("II", config, 0, backing, BLOCK)
    struct.pack_into("I", config, FLAGS_AT, AUTOCLEAR)
    return bytes(config)


def _mount(device: Path, target: Path) -> None:
    flags = NOSUID | NODEV | NOATIME
    call("mount", os.fsencode(device), os.fsencode(target), b"ext4", ctypes.c_ulong(flags), OPTIONS.encode())


def call(name: str, *arguments: object) -> None:
    """A function of the C library that gives 0. Raises OSError."""
    if getattr(beneath.libc(), name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def bind(source: Path, target: Path) -> None:
    """Show a folder at another place, which is made. Raises OSError."""
    target.mkdir(mode=0o700)
    call("mount", os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(BIND), None)


def _copy_sparse(source: Path, target: Path) -> None:
    """What holds data is copied, holes stay holes: 200 kB of a template of 4 GB."""
    with source.open("rb") as whence, target.open("xb") as where:
        where.truncate(os.fstat(whence.fileno()).st_size)
        for start, end in _filled(whence.fileno()):
            _copy_range(whence.fileno(), where.fileno(), start, end)


def _filled(file: int) -> Iterator[tuple[int, int]]:
    """Where a sparse file holds data: starts and ends."""
    size, place = os.fstat(file).st_size, 0
    while place < size:
        try:
            data = os.lseek(file, place, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # no data beyond
                return
            raise
        place = os.lseek(file, data, os.SEEK_HOLE)
        yield data, place


def _copy_range(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        os.pwrite(target, piece := os.pread(source, min(end - start, 1 << 20), start), start)
        start += len(piece)
