"""Whether bubblewrap can build a sandbox on this host, and the command that makes it so."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import SandboxUnavailable
from sandboxes import cgroups, disks, limits, seccomp

INSTALL = {
    "apt-get": "sudo apt-get install -y bubblewrap",
    "dnf": "sudo dnf install -y bubblewrap",
    "pacman": "sudo pacman -S --noconfirm bubblewrap",
    "apk": "sudo apk add bubblewrap",
    "zypper": "sudo zypper install -y bubblewrap",
}
# A setting that closes user namespaces to normal users, the value that does, and what opens them.
SWITCHES = (
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("kernel/unprivileged_userns_clone", "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "0", "sudo sysctl -w user.max_user_namespaces=15000"),
)
IN_CONTAINER = (
    "Start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
    "--security-opt systempaths=unconfined, or run the worker outside of it."
)
TRIAL = """
--unshare-user --unshare-ipc --unshare-pid --unshare-net --unshare-uts --die-with-parent --cap-drop ALL
--ro-bind /usr /usr --ro-bind-try /bin /bin --ro-bind-try /lib /lib --ro-bind-try /lib64 /lib64
--proc /proc --dev /dev -- /usr/bin/env true
"""


@dataclass(frozen=True)
class Finding:
    """One line of `countersign doctor`: what was looked at, how it is, and the command that mends it.

    `optional`: another provider works here, so a host may go without this.
    """

    name: str
    ok: bool
    says: str
    fix: str = ""
    optional: bool = False


def program() -> str:
    """bubblewrap's path. Raises SandboxUnavailable with the command that installs it."""
    if found := shutil.which("bwrap"):
        return found
    raise SandboxUnavailable(
        "bubblewrap is not installed, and there is no unprotected fallback.",
        subject="bwrap",
        way_out=f"Run: {_install()}",
    )


def _install() -> str:
    return next(
        (command for name, command in INSTALL.items() if shutil.which(name)),
        "install the package bubblewrap, or run the worker on Linux",
    )


def trial(bwrap: str, run: Callable[..., "subprocess.CompletedProcess[bytes]"] = subprocess.run) -> None:
    """Build a sandbox for real. Raises SandboxUnavailable with the command that fixes what is in the way."""
    ended = run([bwrap, *TRIAL.split()], env={}, cwd="/", capture_output=True, timeout=30, check=False)
    if ended.returncode == 0:
        return
    words = ended.stderr.decode(errors="replace").strip()
    raise SandboxUnavailable(
        f"bubblewrap can't build a sandbox on this host: {words}.", subject=bwrap, way_out=way_out()
    )


def way_out(
    proc_sys: Path = Path("/proc/sys"), markers: tuple[str, ...] = ("/.dockerenv", "/run/.containerenv")
) -> str:
    """What stands in the way of user namespaces here, as a command to run."""
    for name, closed, command in SWITCHES:
        setting = proc_sys / name
        if setting.exists() and setting.read_text().strip() == closed:
            return f"Run: {command}"
    if any(Path(marker).exists() for marker in markers):
        return IN_CONTAINER
    return "User namespaces seem to be forbidden by a security module: run the worker where bwrap is allowed."


def tmpfs_size(bwrap: str) -> bool:
    """Whether this bubblewrap can limit a tmpfs (0.7 and newer)."""
    told = subprocess.run([bwrap, "--help"], env={}, capture_output=True, check=False)
    return b"--size" in told.stdout + told.stderr


def findings() -> list[Finding]:
    """For the doctor: the program, a real trial, the filter, and how limits are held."""
    found: list[Finding] = []
    try:
        bwrap = program()
        found.append(Finding("bubblewrap", True, bwrap))
        trial(bwrap)
        found.append(Finding("sandbox", True, "a sandbox can be built"))
        seccomp.compiled()
        found.append(Finding("seccomp", True, "there is a filter for this architecture"))
    except SandboxUnavailable as error:
        found.append(Finding("sandbox", False, error.what, error.way_out))
    return [*found, _limits(), _disk()]


def _limits() -> Finding:
    hierarchies = cgroups.find()
    if hierarchies:
        names = ", ".join(sorted(hierarchies.controllers))
        return Finding("limits", True, f"cgroup v{hierarchies.version}: {names}")
    held = "memory by process" + (", processes by user namespace" if limits.own_process_counts() else "")
    return Finding("limits", True, f"no cgroup may be made here; rlimits hold {held}")


def _disk() -> Finding:
    with tempfile.TemporaryDirectory() as folder:
        if disks.find(Path(folder)):
            return Finding("disk", True, "each sandbox has a disk of its own, of the size that its policy gives")
    return Finding("disk", True, "no disk may be mounted here; `disk_bytes` bounds each file, not their sum")
