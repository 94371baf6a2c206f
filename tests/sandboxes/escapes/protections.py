"""The protections, and how each alone is taken away. Nothing but a test may do this."""

import asyncio
import dataclasses
import os
import struct
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sandboxes import arguments, beneath, limits, machine, process, seccomp
from sandboxes import search as searching
from sandboxes.bubblewrap import Host
from sandboxes.protocol import Diff

Removal = Callable[[pytest.MonkeyPatch, Host], Host]
REMOVALS: dict[str, Removal] = {}


def removal(name: str) -> Callable[[Removal], Removal]:
    def register(function: Removal) -> Removal:
        REMOVALS[name] = function
        return function

    return register


def edit_options(patch: pytest.MonkeyPatch, edit: Callable[[list[str]], list[str]]) -> None:
    real = arguments.options
    patch.setattr(arguments, "options", lambda *args, **named: edit(real(*args, **named)))


def without(options: list[str], *names: str, values: int = 0) -> list[str]:
    """Options with each of `names` taken out, and as many words after it as it has values."""
    kept, skip = [], 0
    for word in options:
        if word in names:
            skip = values + 1
        if skip:
            skip -= 1
        else:
            kept.append(word)
    return kept


def drop(name: str, *options: str, values: int = 0) -> None:
    """A protection that is an option of bubblewrap's."""

    def remove(patch: pytest.MonkeyPatch, host: Host) -> Host:
        edit_options(patch, lambda words: without(words, *options, values=values))
        return host

    REMOVALS[name] = remove


drop("network namespace", "--unshare-net")
drop("ipc namespace", "--unshare-ipc")
drop("new session", "--new-session")
drop("no root inside", "--uid", "--gid", "--cap-drop", values=1)


@removal("uts namespace")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    edit_options(patch, lambda words: without(without(words, "--unshare-uts"), "--hostname", values=1))
    return host


@removal("user namespace")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    """Without it a sandbox of root's is root, with the capabilities that root has."""

    def edit(words: list[str]) -> list[str]:
        return without(without(words, "--unshare-user"), "--uid", "--gid", "--cap-drop", values=1)

    edit_options(patch, edit)
    return host


@removal("pid namespace")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    """A /proc of its own can't be had without one, so the host's comes in."""

    def edit(words: list[str]) -> list[str]:
        start = words.index("--proc")
        end = words.index("--bind", start)
        return without([*words[:start], "--ro-bind", "/proc", "/proc", *words[end:]], "--unshare-pid")

    edit_options(patch, edit)
    return host


@removal("private root")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    def everything() -> list[str]:
        taken = ("proc", "dev", "tmp", "work", "etc")
        tops = [path for path in Path("/").iterdir() if path.name not in taken and path.is_dir()]
        return [word for path in tops for word in ("--ro-bind", str(path), str(path))]

    patch.setattr(arguments, "_system", everything)
    return host


@removal("own /etc")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    def edit(words: list[str]) -> list[str]:
        place = words.index("/etc") - 1
        return [*words[:place], "/etc", *words[place + 1 :]]

    edit_options(patch, edit)
    return host


@removal("own /tmp")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    edit_options(patch, lambda words: [*words, "--ro-bind", "/tmp", "/tmp"])
    return host


@removal("read-only mounts")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    """Of the pieces that are harmless to write to: the sandboxes' own /etc and what the test mounts."""

    def edit(words: list[str]) -> list[str]:
        turned = list(words)
        for target in ("/etc", "/given"):
            if target in words:
                turned[words.index(target) - 2] = "--bind"
        return turned

    edit_options(patch, edit)
    return host


@removal("covers in /proc")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    patch.setattr(arguments, "PROC_READ_ONLY", ())
    patch.setattr(arguments, "PROC_HIDDEN", ())
    return host


@removal("seccomp")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    allow = struct.pack("<HBBI", seccomp.RETURN, 0, 0, seccomp.ALLOW)
    patch.setattr(seccomp, "compiled", lambda **named: allow)
    return host


@removal("empty environment")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    """As if bubblewrap were started with the worker's variables and with those that the agent gives."""
    given: dict[str, str] = {}
    real_options, real = arguments.for_command, subprocess.Popen

    def options(policy: Any, *, cwd: str, env: Any) -> list[str]:
        given.update(env)
        return real_options(policy, cwd=cwd, env=env)

    def start(argv: Sequence[str], **named: Any) -> Any:
        return real(argv, **(named | {"env": {**os.environ, **given}}))

    patch.setattr(arguments, "for_command", options)
    patch.setattr(process.subprocess, "Popen", start)
    return host


@removal("cgroup")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    return dataclasses.replace(host, hierarchies=None)


@removal("rlimits")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    patch.setattr(limits, "of", lambda policy, *, cgroup: {})
    return host


@removal("cgroup and rlimits")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    """Two protections of one thing: either alone holds."""
    patch.setattr(limits, "of", lambda policy, *, cgroup: {})
    return dataclasses.replace(host, hierarchies=None)


@removal("own disk")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    return dataclasses.replace(host, disks=None)


@removal("output limit")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    patch.setattr(process.Output, "_room", lambda self, chunk: chunk)
    return host


@removal("wall clock")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    real = asyncio.timeout
    patch.setattr(machine.asyncio, "timeout", lambda seconds: real(None))
    return host


@removal("openat2")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    """As if paths were opened as everybody opens them."""

    def plain(folder: int, path: str, flags: int) -> int:
        return os.open(path, flags, dir_fd=folder)

    patch.setattr(beneath, "open_beneath", plain)
    patch.setattr(beneath, "relative", lambda path: path)
    return host


@removal("git runs inside")
def _(patch: pytest.MonkeyPatch, host: Host) -> Host:
    async def diff(sandbox: Any, folder: str, base: str) -> Diff:
        done = subprocess.run(["git", "-C", str(sandbox.place), "diff", base], capture_output=True, check=False)
        return Diff(done.stdout)

    patch.setattr(searching, "diff", diff)
    return host
