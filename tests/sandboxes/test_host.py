"""What a host may lack, and how it is told: each with the command that fixes it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from contracts.errors import BadInput, SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap, Mount, cgroups, limits, probe, seccomp


def test_bubblewrap_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "apt-get").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match="no unprotected fallback") as caught:
        Bubblewrap(tmp_path / "boxes").check()
    assert caught.value.way_out == "Run: sudo apt-get install -y bubblewrap"
    assert not (tmp_path / "boxes").exists()


def test_user_namespaces_are_forbidden(tmp_path: Path) -> None:
    """A bubblewrap that fails as it does on such hosts."""
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2; exit 1\n")
    broken.chmod(0o755)
    with pytest.raises(SandboxUnavailable, match="uid map: Permission denied") as caught:
        probe.trial(str(broken))
    assert caught.value.way_out


@pytest.mark.parametrize(
    ("setting", "value", "command"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "apparmor_restrict_unprivileged_userns=0"),
        ("kernel/unprivileged_userns_clone", "0", "unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "max_user_namespaces="),
    ],
)
def test_the_switch_that_is_off_is_named(tmp_path: Path, setting: str, value: str, command: str) -> None:
    (tmp_path / setting).parent.mkdir(parents=True)
    (tmp_path / setting).write_text(value + "\n")
    assert command in probe.way_out(tmp_path)


def test_a_container_is_named(tmp_path: Path) -> None:
    (tmp_path / "marker").touch()
    assert "--security-opt" in probe.way_out(tmp_path, (str(tmp_path / "marker"),))


def test_an_unknown_architecture_has_no_fallback() -> None:
    with pytest.raises(SandboxUnavailable, match="riscv64"):
        seccomp.compiled(machine="riscv64")


def test_the_doctor_is_told(provider: Bubblewrap) -> None:
    assert all(finding.ok and finding.says for finding in provider.probe())


@pytest.mark.parametrize("name", ["x86_64", "aarch64"])
def test_syscall_numbers_are_the_kernels(name: str) -> None:
    """Against the kernel's own headers, where they are installed."""
    places = {"x86_64": "x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "asm-generic/unistd.h"}
    header = Path("/usr/include", places[name])
    if not header.exists():
        pytest.skip("no kernel headers here")
    numbers = dict(re.findall(r"define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text()))
    machine = seccomp.MACHINES[name]
    ours = machine.denied | {call: number for call, (number, _) in machine.modes.items()}
    for call in ("clone", "clone3", "socket", "socketpair", "ioctl", "openat2"):
        ours[call] = getattr(machine, call)
    assert {call: str(number) for call, number in ours.items()} == {call: numbers.get(call) for call in ours}


@pytest.mark.parametrize("name", ["x86_64", "aarch64"])
def test_the_filter_ends_on_every_path(name: str) -> None:
    """Every jump lands inside, and the last instruction returns: the kernel would refuse it otherwise."""
    program = seccomp.instructions(seccomp.MACHINES[name], host_network=False)
    assert len(program) < 4096
    assert program[-1][0] == seccomp.RETURN
    for place, (code, yes, no, _) in enumerate(program):
        if code in (seccomp.JUMP_EQ, seccomp.JUMP_GE, seccomp.JUMP_SET):
            assert place + 1 + max(yes, no) < len(program)


def hierarchy(folder: Path, **controllers: str) -> Path:
    for name, handed_on in controllers.items():
        place = folder / name.replace("__", "/").strip("/")
        place.mkdir(parents=True, exist_ok=True)
        (place / "cgroup.subtree_control").write_text(handed_on)
    return folder


def test_version_2_uses_the_nearest_that_hands_on(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cgroup").write_text("0::/user/app/worker\n")
    root = hierarchy(tmp_path / "fs", user="memory pids cpu", user__app="memory pids cpu io", user__app__worker="")
    found = cgroups.find(tmp_path / "proc", root)
    assert found is not None
    assert found.version == 2
    assert found.controllers == {"memory", "pids", "cpu"}
    group = found.at("abc")
    assert group.folders == [root / "user" / "app" / "countersign-abc"]
    group.folders[0].mkdir()
    group.make(SandboxPolicy(memory_bytes=1 << 26, processes=7, cpus=1.5))
    written = {path.name: path.read_text() for path in group.folders[0].iterdir()}
    assert written == {"memory.max": str(1 << 26), "pids.max": "8", "cpu.max": "150000 100000"}


def test_no_cgroup_where_none_is_handed_on(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("0::/\n")
    assert cgroups.find(tmp_path, hierarchy(tmp_path / "fs", **{"__": "cpu"})) is None


async def test_without_a_cgroup_rlimits_hold(provider: Bubblewrap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "find", lambda: None)
    other = Bubblewrap(provider.folder)
    async with await other.create(SandboxPolicy(memory_bytes=256 << 20)) as box:
        script = "x = bytearray(b'x') * (512 << 20)"
        result = await box.exec(["/usr/bin/python3", "-c", script])
        assert b"MemoryError" in result.stderr
        told = (await box.exec(["sh", "-c", "ulimit -a"])).stdout.decode()
    assert re.search(r"process(es)?\s+129", told) or not limits.own_process_counts()


async def test_a_mount_that_is_not_there(provider: Bubblewrap, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not there"):
        await provider.create(SandboxPolicy(), mounts=[Mount(tmp_path / "nothing", "/given")])
    assert provider.alive() == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can play two users")
async def test_root_works_as_the_owner_of_what_is_mounted(provider: Bubblewrap) -> None:
    """Inside, the owner's closed folder can be used; outside, what was made belongs to the owner."""
    given = Path("/tmp/countersign-given")
    given.mkdir(mode=0o700, exist_ok=True)
    try:
        (given / "a").write_text("a")
        for path in (given, given / "a"):
            os.chown(path, 65534, 65534)
        async with await provider.create(SandboxPolicy(), mounts=[Mount(given, "/given", writable=True)]) as box:
            await box.write("deep/input", b"in")
            result = await box.exec(
                ["sh", "-c", "cat /given/a deep/input; echo b > /given/b; echo c >> deep/input; id -u"]
            )
            assert result.stdout == b"ain1000\n", result.stderr
            assert await box.read("deep/input") == b"inc\n"
        assert (given / "b").stat().st_uid == 65534
    finally:
        shutil.rmtree(given)
    assert not list(Path("/tmp").glob(f"countersign-{box.id}*"))


@pytest.mark.skipif(os.getuid() != 0, reason="plays a normal user")
def test_a_normal_user_can_do_it_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same product code, as nobody, under the system's own Python."""
    root = Path(__file__).parents[2]
    site = next((root / ".venv" / "lib").glob("python3*/site-packages"), None)
    python = Path("/usr/bin") / (site.parent.name if site else "none")
    if not python.exists():
        pytest.skip("the system's Python is another one than the tests'")
    script = """
import asyncio, tempfile
from pathlib import Path
from contracts.policy import SandboxPolicy
from sandboxes import choose

async def main():
    with tempfile.TemporaryDirectory() as folder:
        async with await choose(Path(folder)).create(SandboxPolicy()) as box:
            await box.write("a", b"1")
            result = await box.exec(["sh", "-c", "cat a; id -u; ulimit -c; echo 1 > /proc/sys/kernel/core_pattern"])
            print(result.stdout, result.exit_code)

asyncio.run(main())
"""
    done = subprocess.run(
        [python, "-c", script],
        user=65534,
        group=65534,
        extra_groups=[],
        cwd=root,
        env={"PYTHONPATH": f"{root}:{site}", "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
    )
    assert done.stdout.decode().strip() == r"b'11000\n0\n' 2", done.stderr.decode()
