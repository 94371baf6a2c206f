"""The helper that opens a listener in a sandbox's network: as root, and as a user who made the sandbox himself."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandboxes.egress import enter, listen

PYTHON = "/usr/bin/python3"
NOBODY, ANOTHER = 65534, 65533
SAYS = """
import socket, time
for _ in range(100):
    try: print(socket.create_connection(("127.0.0.1", 3128), 2).recv(9).decode(), flush=True); break
    except OSError: time.sleep(0.05)
"""
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be two other users")
needs_python = pytest.mark.skipif(not Path(PYTHON).exists(), reason="no system Python to try with")


@contextmanager
def sandbox(uid: int) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """A bubblewrap of that user's with a network of its own, which asks at port 3128; the pid of its first process."""
    read, write = os.pipe()
    system = [word for name in ("usr", "bin", "lib", "lib64") for word in ("--ro-bind-try", f"/{name}", f"/{name}")]
    namespaces = ["--unshare-user", "--unshare-net", "--unshare-pid", "--uid", "1000", "--die-with-parent"]
    argv = ["bwrap", *namespaces, *system, "--proc", "/proc", "--json-status-fd", str(write), PYTHON, "-c", SAYS]
    with subprocess.Popen(
        argv, user=uid, group=uid, extra_groups=[], pass_fds=[write], stdout=subprocess.PIPE, text=True, cwd="/"
    ) as process:
        os.close(write)
        with os.fdopen(read) as status:
            yield json.loads(status.readline())["child-pid"], process
        process.kill()


@contextmanager
def helper(uid: int, folder: Path) -> Iterator[socket.socket]:
    """`enter.py` as that user, and the socket on which it takes orders."""
    folder.chmod(0o755)
    script = shutil.copy(enter.__file__, folder)
    Path(script).chmod(0o644)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    argv = [PYTHON, "-I", "-S", str(script)]
    with subprocess.Popen(argv, stdin=theirs.fileno(), env={}, cwd="/", user=uid, group=uid, extra_groups=[]):
        theirs.close()
        ours.settimeout(10)
        with ours:
            yield ours


def ordered(orders: socket.socket, pid: int) -> tuple[dict[str, object], list[int]]:
    orders.send(json.dumps({"pid": pid, "port": listen.PORT}).encode())
    said, descriptors, _, _ = socket.recv_fds(orders, 4096, 1)
    return json.loads(said), descriptors


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that other users can reach."""
    folder = Path("/var/tmp", f"countersign-test-{os.getpid()}")
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@needs_root
@needs_python
@pytest.mark.parametrize(("owner", "worker"), [(NOBODY, NOBODY), (NOBODY, 0), (0, 0)])
def test_whoever_made_it_and_root_may_enter(open_folder: Path, owner: int, worker: int) -> None:
    with sandbox(owner) as (pid, process), helper(worker, open_folder) as orders:
        said, descriptors = ordered(orders, pid)
        assert said == {}
        with socket.socket(fileno=descriptors[0]) as listener:
            listener.settimeout(10)
            listener.accept()[0].sendall(b"welcome")
        assert process.stdout
        assert process.stdout.readline() == "welcome\n"


@needs_root
@needs_python
def test_nobody_else_may(open_folder: Path) -> None:
    with sandbox(NOBODY) as (pid, _), helper(ANOTHER, open_folder) as orders:
        said, descriptors = ordered(orders, pid)
        assert descriptors == []
        assert said["errno"] in (1, 13)
        again, _ = ordered(orders, pid)
        assert again == said, "and the helper goes on"


@needs_python
def test_it_ends_with_its_owner(open_folder: Path) -> None:
    with helper(os.getuid(), open_folder) as orders:
        orders.shutdown(socket.SHUT_RDWR)
    # Leaving waited for it: without an end this would have hung.
