"""The command that installs a system package on this host."""

import os
import shutil

# Package names by manager, where they differ from the program's.
NAMES: dict[str, dict[str, str]] = {
    "ssh-keygen": {
        "apt-get": "openssh-client",
        "dnf": "openssh-clients",
        "apk": "openssh-keygen",
        "pacman": "openssh",
        "brew": "openssh",
    },
    "bubblewrap": {},
    "go": {"apt-get": "golang-go", "dnf": "golang"},
    "git": {},
    "chromium": {},
}
COMMANDS = {
    "apt-get": "apt-get install -y",
    "dnf": "dnf install -y",
    "apk": "apk add",
    "pacman": "pacman -S --noconfirm",
    "zypper": "zypper install -y",
    "brew": "brew install",
}


def install(program: str) -> str:
    """`sudo apt-get install -y git`; in words where no package manager is known."""
    manager = next((name for name in COMMANDS if shutil.which(name)), None)
    if manager is None:
        return f"install {program} with this system's package manager"
    sudo = "" if manager == "brew" or os.geteuid() == 0 else "sudo "
    return f"{sudo}{COMMANDS[manager]} {NAMES.get(program, {}).get(manager, program)}"
