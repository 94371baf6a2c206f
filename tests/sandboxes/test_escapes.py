"""Real attempts to get out, each with the ordinary tools that an agent has."""

import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from contracts.errors import AccessRefused, BadInput, NotFound
from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap, Mount
from sandboxes.bubblewrap import BubblewrapSandbox

PYTHON = "/usr/bin/python3"
needs_python = pytest.mark.skipif(not Path(PYTHON).exists(), reason="no system Python to try with")


async def shell(box: BubblewrapSandbox, script: str) -> str:
    result = await box.exec(["sh", "-c", script])
    return (result.stdout + result.stderr).decode(errors="replace")


async def python(box: BubblewrapSandbox, script: str) -> str:
    result = await box.exec([PYTHON, "-c", script])
    return (result.stdout + result.stderr).decode(errors="replace")


async def test_host_files_are_not_there(box: BubblewrapSandbox, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("host secret")
    said = await shell(box, f"cat {tmp_path}/secret /etc/shadow /root/.ssh/id_rsa; ls /home /root /var /sys /run")
    assert "host secret" not in said
    assert said.count("No such file") >= 7


async def test_system_is_read_only(box: BubblewrapSandbox) -> None:
    said = await shell(box, "for f in /usr/x /bin/x /etc/x /etc/passwd /usr/bin/env; do echo bad > $f; done")
    assert said.count("Read-only file system") == 5


async def test_host_environment_does_not_come_in(provider: Bubblewrap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sentinel-secret-7391")
    async with await provider.create(SandboxPolicy(environment={"GIVEN": "on purpose"})) as box:
        said = await shell(box, "env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'")
    assert "GIVEN=on purpose" in said
    assert "sentinel-secret-7391" not in said


async def test_only_own_processes_are_seen(box: BubblewrapSandbox) -> None:
    assert len((await shell(box, "ls -d /proc/[0-9]*")).split()) <= 4
    assert "No such process" in await shell(box, f"kill -9 {os.getpid()}")


@pytest.mark.parametrize("name", ["sys/kernel/core_pattern", "sys/vm/drop_caches", "sysrq-trigger"])
async def test_kernel_settings_cannot_be_written(box: BubblewrapSandbox, name: str) -> None:
    said = await shell(box, f"echo 1 > /proc/{name} && echo written")
    assert "written" not in said


@needs_python
async def test_open_network_is_the_hosts(provider: Bubblewrap) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=lambda: server.accept()[0].sendall(b"hello"), daemon=True).start()
        async with await provider.create(SandboxPolicy(network="open")) as box:
            script = f"import socket; print(socket.create_connection(('127.0.0.1', {port}), 5).recv(5))"
            assert "hello" in await python(box, script)


@needs_python
@pytest.mark.parametrize("family", ["AF_VSOCK", "AF_PACKET", "AF_ALG", "AF_BLUETOOTH"])
async def test_other_socket_families_are_refused(box: BubblewrapSandbox, family: str) -> None:
    said = await python(box, f"import socket; socket.socket(socket.{family}, socket.SOCK_STREAM)")
    assert "not supported by protocol" in said or "has no attribute" in said


@needs_python
@pytest.mark.parametrize(
    ("call", "errno"),
    [
        ("250, 1, 0", 1),  # keyctl
        ("425, 8, 0", 1),  # io_uring_setup
        ("272, 0x10000000", 1),  # unshare(CLONE_NEWUSER)
        ("56, 0x10000011, 0, 0, 0, 0", 1),  # clone(CLONE_NEWUSER | SIGCHLD)
        ("435, 0, 0", 38),  # clone3: not there, so that libraries fall back to clone
        ("437, 0, 0, 0, 0", 38),  # openat2, likewise
        ("165, 0, 0, 0, 0, 0", 1),  # mount
        ("321, 0, 0, 0", 1),  # bpf
        ("298, 0, 0, 0, 0, 0", 1),  # perf_event_open
        ("101, 0, 0, 0, 0", 1),  # ptrace
        ("323, 0", 1),  # userfaultfd
    ],
)
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86_64")
async def test_syscalls_are_filtered(box: BubblewrapSandbox, call: str, errno: int) -> None:
    script = f"import ctypes; c = ctypes.CDLL(None, use_errno=True); print(c.syscall({call}), ctypes.get_errno())"
    assert await python(box, script) == f"-1 {errno}\n"


async def test_no_user_namespace_inside(box: BubblewrapSandbox) -> None:
    assert "not permitted" in await shell(box, "unshare -Ur id")


async def test_no_setuid_file_is_left_behind(box: BubblewrapSandbox, folder: Path) -> None:
    said = await shell(box, "cp /usr/bin/env e; chmod 4755 e; chmod 755 e && echo fine")
    assert "not permitted" in said
    assert "fine" in said
    assert not (box.place / "e").stat().st_mode & 0o4000


@needs_python
async def test_no_setuid_file_is_born(box: BubblewrapSandbox) -> None:
    assert "PermissionError" in await python(box, "import os; os.open('x', os.O_CREAT, 0o4755)")


@needs_python
async def test_terminal_injection_is_refused(box: BubblewrapSandbox) -> None:
    script = (
        "import fcntl, os, pty, termios\n_, slave = pty.openpty()\n"
        "try:\n  fcntl.ioctl(slave, termios.TIOCSTI, b'x'); print('typed')\n"
        "except PermissionError: print('refused')"
    )
    assert "refused" in await python(box, script)


async def test_devices_and_mounts_cannot_be_made(box: BubblewrapSandbox) -> None:
    said = await shell(box, "mknod disk b 254 0 && echo made; mount -t proc proc /work && echo mounted; chroot / id")
    assert "made" not in said
    assert "mounted" not in said


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../owner.json", "a/../../owner.json", "up/owner.json", "root/etc/passwd"]
)
async def test_reading_never_leaves_work(box: BubblewrapSandbox, path: str) -> None:
    await shell(box, "mkdir a; ln -s .. up; ln -s / root")
    with pytest.raises(AccessRefused):
        await box.read(path)


@pytest.mark.parametrize("link", ["/tmp", "..", "/proc/self/root/tmp"])
async def test_writing_never_follows_a_link_out(box: BubblewrapSandbox, folder: Path, link: str) -> None:
    await shell(box, f"ln -s {link} out; ln -s {link}/countersign-planted file")
    with pytest.raises((AccessRefused, NotFound)):
        await box.write("out/countersign-planted", b"x")
    with pytest.raises((AccessRefused, NotFound)):
        await box.list("out/")
    await box.write("file", b"replaced")
    assert await box.read("file") == b"replaced"
    assert not Path("/tmp/countersign-planted").exists()
    assert not (folder / "boxes" / box.id / "countersign-planted").exists()


async def test_a_fifo_or_device_never_hangs_a_read(box: BubblewrapSandbox) -> None:
    await shell(box, "mkfifo pipe")
    with pytest.raises(BadInput, match="not a regular file"):
        await box.read("pipe")


async def test_a_link_that_races_never_leads_out(box: BubblewrapSandbox, tmp_path: Path) -> None:
    """One thread swaps a folder for a link to the host while another reads through it."""
    work = box.place
    (tmp_path / "file").write_bytes(b"outside")
    (work / "real").mkdir()
    (work / "real" / "file").write_bytes(b"inside")
    (work / "link").symlink_to(tmp_path)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (work / "real").rename(work / "aside")
            (work / "link").rename(work / "real")
            (work / "real").rename(work / "link")
            (work / "aside").rename(work / "real")

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen: dict[str, int] = {}
    try:
        for _ in range(3000):
            try:
                said = (await box.read("real/file")).decode()
            except (AccessRefused, NotFound) as error:
                said = error.name
            seen[said] = seen.get(said, 0) + 1
    finally:
        stop.set()
        swapper.join()
    assert "outside" not in seen
    assert seen["inside"] > 0
    assert seen.get("AccessRefused", 0) + seen.get("NotFound", 0) > 0, "the race never happened"


async def test_a_planted_hook_and_config_run_only_inside(provider: Bubblewrap, tmp_path: Path) -> None:
    """A repository whose config and hooks run commands: they do, in a machine with nothing to harm."""
    mark, mount = tmp_path / "harm", tmp_path / "given"
    mount.mkdir()
    (mount / "kept").write_text("kept")
    plant = f"""
        git init -q repo && cd repo
        printf '#!/bin/sh\\necho ran >> /work/ran\\necho harm > {mark}\\nrm -rf /given/*\\n' > /work/evil
        chmod +x /work/evil && cp /work/evil .git/hooks/pre-commit
        git config core.fsmonitor /work/evil
        git status; git -c user.name=a -c user.email=a@b commit --allow-empty -qm x
    """
    async with await provider.create(SandboxPolicy(), mounts=[Mount(mount, "/given")]) as box:
        await shell(box, plant)
        assert b"ran" in await box.read("ran"), "the attempt itself did not work"
    assert not mark.exists()
    assert (mount / "kept").read_text() == "kept"


async def test_a_writable_mount_is_the_only_way_out(provider: Bubblewrap, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "shut").mkdir()
    mounts = [Mount(tmp_path / "open", "/open", writable=True), Mount(tmp_path / "shut", "/shut")]
    async with await provider.create(SandboxPolicy(), mounts=mounts) as box:
        said = await shell(box, "echo a > /open/a; echo b > /shut/b")
    assert "Read-only" in said
    assert (tmp_path / "open" / "a").read_text() == "a\n"
    assert not (tmp_path / "shut" / "b").exists()


@needs_python
async def test_ld_preload_and_core_dumps_stay_inside(box: BubblewrapSandbox, folder: Path) -> None:
    result = await box.exec(["sh", "-c", "kill -SEGV $$"], env={"LD_PRELOAD": "/work/evil.so"})
    assert result.exit_code == 128 + 11
    assert await box.list() == []


@pytest.mark.skipif(sys.platform != "linux", reason="Linux")
async def test_the_hosts_name_is_not_told(box: BubblewrapSandbox) -> None:
    assert (await shell(box, "uname -n")).strip() == "sandbox"
