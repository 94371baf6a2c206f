"""A real Docker engine for the tests, and the platform's image: made from Debian's packages, without a registry.

An engine that answers is used as it is. Where none does and dockerd is installed, one is started for the session
and stopped after it. The image is made once, and stays in that engine.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException, ImageNotFound

from sandboxes.docker.engine import IMAGE

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "images" / "sandbox" / "Dockerfile"
BASE = "countersign-base:bookworm"
SECONDS = 60
# Built by `deploy/bin/setup test` where there is Go. Debian's own package is too old for today's `ls`.
RUNSC = ROOT / ".tools" / "bin" / "runsc"


def runsc() -> str:
    """gVisor's program, or an empty string."""
    return str(RUNSC) if RUNSC.exists() else shutil.which("runsc", path="/usr/local/bin:/usr/local/sbin") or ""


@contextlib.contextmanager
def engine() -> Iterator[None]:
    """An engine that answers and has the image. Skips, with the reason, where there can be none."""
    if answers():
        make_image()
        yield
        return
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("Docker: no engine answers, and no dockerd can be started here (root, docker.io, iptables)")
    with tempfile.TemporaryDirectory(prefix="dockerd-") as place, _started(Path(place)):
        make_image()
        yield


@contextlib.contextmanager
def _started(place: Path) -> Iterator[None]:
    (place / "daemon.json").write_text(json.dumps({"runtimes": _runtimes()}))
    log = (place / "log").open("wb")
    command = ["dockerd", "--config-file", str(place / "daemon.json"), "--pidfile", str(place / "pid")]
    daemon = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        end = time.monotonic() + SECONDS
        while not answers():
            if daemon.poll() is not None or time.monotonic() > end:
                pytest.skip(f"Docker: dockerd does not start here: {(place / 'log').read_text()[-500:]}")
            time.sleep(0.1)
        yield
    finally:
        daemon.terminate()
        daemon.wait(SECONDS)
        log.close()


def _runtimes() -> dict[str, object]:
    if not (program := runsc()):
        return {}
    return {"runsc": {"path": program, "runtimeArgs": ["--platform=systrap"]}}


def answers() -> bool:
    try:
        client = docker.from_env(timeout=SECONDS)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()


def make_image() -> None:
    """Once for an engine, whoever needs it first."""
    with Path(tempfile.gettempdir(), "countersign-image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        client = docker.from_env(timeout=600)
        try:
            client.images.get(IMAGE)
        except ImageNotFound:
            _build()
        finally:
            client.close()


def _build() -> None:
    """The platform's own Dockerfile over a base from Debian's packages: no registry is asked."""
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        pytest.skip(f"Docker: there is no image {IMAGE!r}, and none can be made here (root, debootstrap)")
    with tempfile.TemporaryDirectory(prefix="base-") as place:
        _run("debootstrap", "--variant=minbase", "bookworm", f"{place}/root", _mirror())
        archive = subprocess.Popen(
            ["tar", "--one-file-system", "-C", f"{place}/root", "-c", "."], stdout=subprocess.PIPE
        )
        _run("docker", "import", "-", BASE, stdin=archive.stdout)
        archive.wait()
    _run(
        *("docker", "build", "--network=host", "--build-arg", f"BASE={BASE}", "-t", IMAGE, str(DOCKERFILE.parent)),
        env=os.environ | {"DOCKER_BUILDKIT": "0"},
    )


def _run(*command: str, **named: object) -> None:
    done = subprocess.run(command, capture_output=True, text=True, **named)  # type: ignore[call-overload]
    if done.returncode != 0:
        pytest.skip(f"Docker: {command[0]} failed: {(done.stderr or done.stdout)[-500:]}")


def _mirror() -> str:
    """The one that this host's own apt uses."""
    for path in [*Path("/etc/apt/sources.list.d").glob("debian.sources"), Path("/etc/apt/sources.list")]:
        for line in path.read_text().splitlines() if path.exists() else ():
            if found := re.match(r"(?:URIs: *|deb +(?:\[.*\] +)?)(http\S+/debian/?)(?: |$)", line):
                return found[1]
    return "http://deb.debian.org/debian"


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[None]:
    """An engine for the session."""
    with engine():
        yield


@pytest.fixture(scope="session")
def gvisor_engine(docker_engine: None) -> None:
    """The same, if it knows gVisor's runtime."""
    client = docker.from_env()
    known = client.info().get("Runtimes", {})
    client.close()
    if "runsc" not in known:
        pytest.skip("gVisor: Docker's engine has no runtime `runsc` (deploy/bin/setup test builds one where Go is)")
