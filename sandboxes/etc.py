"""The sandbox's /etc: one small folder for all sandboxes of a provider, mounted read-only.

It is a copy, not a dozen mounts of the host's files: bubblewrap reads the mount table again for each mount,
which would double the time that a sandbox takes to start.
"""

import contextlib
import os
import shutil
from pathlib import Path

UID = 1000
# What a program needs to find its libraries, its commands and the time zone; nothing that tells of the host.
COPIED = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "mime.types", "ssl/openssl.cnf")
# A repository mounted from the host has another owner inside; git refuses it unless told. It is told here
# only, where git has nothing to lose.
OWN = {
    "passwd": f"root:x:0:0:root:/:/bin/false\nagent:x:{UID}:{UID}:agent:/tmp:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": f"root:x:0:\nagent:x:{UID}:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "gitconfig": "[safe]\n\tdirectory = *\n",
    "resolv.conf": "",
}
MOUNT_POINTS = ("ssl/certs", "pki/tls/certs", "pki/ca-trust/extracted", "ca-certificates")


def write(folder: Path) -> None:
    """Make or refresh the folder; other processes may be using it. Raises OSError."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for name, text in OWN.items():
        _put(folder / name, text.encode())
    for name in MOUNT_POINTS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        _copy(Path("/etc", name), folder / name)


def _copy(source: Path, target: Path) -> None:
    with contextlib.suppress(FileNotFoundError, PermissionError):
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            for child in source.iterdir():
                _copy_link(child, target / child.name) if child.is_symlink() else _copy(child, target / child.name)
        else:
            _put(target, source.read_bytes())


def _copy_link(source: Path, target: Path) -> None:
    with contextlib.suppress(FileExistsError):
        target.symlink_to(source.readlink())


def _put(target: Path, data: bytes) -> None:
    """Replace a file in one step, and only if it differs."""
    with contextlib.suppress(FileNotFoundError):
        if target.read_bytes() == data:
            return
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.{os.getpid()}")
    new.write_bytes(data)
    shutil.move(new, target)
