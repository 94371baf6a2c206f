"""What an attempt finds on the host: things to reach, to read, to harm. All of it is the test's own."""

import contextlib
import ctypes
import hashlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECRET = "sentinel-secret-8426"
SHARED_MEMORY_KEY = 0x5EC0DE


@dataclass(frozen=True)
class World:
    """Names that scripts are filled in with, as `{port}` and so on."""

    folder: Path
    port: int
    udp: int
    abstract: str
    victim: int
    var: Path
    run: Path
    accounts: str
    host: str = os.uname().nodename

    def fill(self, script: str) -> str:
        names = {name: str(value) for name, value in vars(self).items()} | {"secret": SECRET}
        for name, value in names.items():
            script = script.replace("{" + name + "}", value)
        return script


@contextlib.contextmanager
def made(folder: Path) -> Iterator[World]:
    """A file with a secret, listeners of three kinds, a process to signal and a piece of shared memory."""
    (folder / "given").mkdir()
    (folder / "secret").write_text(SECRET)
    abstract = f"countersign-escape-{os.getpid()}"
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind("\0" + abstract)
        unix.listen()
        victim = stack.enter_context(subprocess.Popen(["sleep", "600"]))
        stack.callback(victim.kill)
        stack.enter_context(shared_memory())
        var, run = (stack.enter_context(marked(Path(top, abstract))) for top in ("/var/tmp", "/run"))
        accounts = hashlib.sha256(Path("/etc/passwd").read_bytes()).hexdigest()
        threading.Thread(target=answer, args=(udp,), daemon=True).start()
        yield World(folder, tcp.getsockname()[1], udp.getsockname()[1], abstract, victim.pid, var, run, accounts)


@contextlib.contextmanager
def marked(path: Path) -> Iterator[Path]:
    """An empty file that only this host has, where we may make one."""
    with contextlib.suppress(PermissionError):
        path.touch()
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def answer(udp: socket.socket) -> None:
    """What a name server would do: say something back to whoever asks."""
    with contextlib.suppress(OSError):
        while True:
            _, whence = udp.recvfrom(512)
            udp.sendto(b"answer", whence)


@contextlib.contextmanager
def shared_memory() -> Iterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)
    segment = libc.shmget(SHARED_MEMORY_KEY, 4096, 0o1666)
    try:
        yield
    finally:
        libc.shmctl(segment, 0, None)
