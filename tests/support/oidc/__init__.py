"""A real OpenID Connect provider for the tests: npm's oidc-provider, OpenID Certified, pinned by package-lock.json.

`installed()` puts it here with `npm ci` (about a second, once), and `Organisation` starts `node provider.mjs` on a port
that is free. Where there is no Node.js its tests are skipped, but never where CI says that it is one.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from workers.processes import free_port

HERE = Path(__file__).parent
CLIENT, SECRET = "countersign", "a-client-secret-of-the-tests-alone"


def installed() -> None:
    """The packages of package-lock.json, by their hashes, unless they are there."""
    if not (shutil.which("node") and shutil.which("npm")) and not os.environ.get("CI"):
        pytest.skip("no Node.js to run an OpenID Connect provider with")
    kept, lock = HERE / "node_modules" / ".package-lock.json", HERE / "package-lock.json"
    with (HERE / "package.json").open() as mine:
        fcntl.flock(mine, fcntl.LOCK_EX)  # two test processes install it once
        if not kept.exists() or kept.stat().st_mtime < lock.stat().st_mtime:
            argv = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(argv, cwd=HERE, capture_output=True, text=True, timeout=240, check=False)
            assert done.returncode == 0, f"npm ci failed: {done.stdout}{done.stderr}"


@dataclass
class Organisation:
    """The provider, and who is known to it. `consoles`: where people may be sent back to."""

    consoles: Sequence[str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        argv = ["node", "provider.mjs", str(self.port), *self.consoles]
        out, err = subprocess.PIPE, subprocess.DEVNULL
        self.process = subprocess.Popen(argv, cwd=HERE, stdout=out, stderr=err, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == "ready\n", f"the provider did not start: {line!r}"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def people(self, **people: Mapping[str, Any]) -> None:
        """Who there is: claims by subject."""
        self._tell("people", people)

    def lie(self, *, forge: bool = False, header: Mapping[str, Any] | None = None, **claims: Any) -> None:
        """What the next ID tokens say in place of the truth. None takes a claim away."""
        self._tell("lie", {"claims": claims, "header": dict(header or {}), "forge": forge})

    def be_honest(self) -> None:
        self._tell("lie", None)

    def rotate(self) -> None:
        """New signing keys; what the old ones signed holds no more."""
        self._tell("rotate", {})

    def _tell(self, what: str, body: object) -> None:
        httpx.post(f"{self.issuer}/test/{what}", json=body).raise_for_status()


@contextmanager
def organisation(*consoles: str) -> Iterator[Organisation]:
    installed()
    made = Organisation(consoles)
    made.start()
    try:
        yield made
    finally:
        made.kill()
