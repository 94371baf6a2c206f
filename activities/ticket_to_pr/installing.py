"""Installing a project's packages in its machine: by pip into an environment beside the work tree, by npm into it.

The environment lies below /work, so that the machine's checkpoint carries it to the machines where the tests run,
which have no network.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from activities.machine.toolchain import PIP, PYTHON
from contracts.errors import CommandNotFound, NotFound
from contracts.install import Install, Installed, Needs, Package, Packages
from sandboxes.protocol import Result, Sandbox

PLACE = ".countersign-env"
ENVIRONMENT = f"/work/{PLACE}"
REPORT, ASKED, SETTLED = (f"{PLACE}/{name}" for name in ("report.json", "asked.txt", "settled.txt"))
SECONDS = 900.0
LARGEST_REPORT = 32 << 20
MOST = 2_000
# Tarballs are fetched from the registry, whichever host a packument or a lock file names: only it is reached.
BY_NPM = (
    *("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error", "--fetch-retries=1"),
    "--replace-registry-host=always",
)
NPM_ERROR = re.compile(r"^npm (error|ERR!)")
CACHE = "/tmp/npm"  # noqa: S108 - the machine's own, and no part of its checkpoints


async def install(sandbox: Sandbox, folder: str, request: Install) -> tuple[Installed, Packages]:
    """What came of it. A registry that is away, or a package that can't be built, is a result and no error."""
    by = _by_pip if request.needs.kind == "pip" else _by_npm
    try:
        python, found, why = await by(sandbox, folder, request)
    except CommandNotFound as error:
        python, found, why = "", (), f"{error.subject or request.needs.kind} is not on the machine"
    count = f"{len(found)} package{'s' * (len(found) != 1)} that {request.needs.says} asks for"
    says = f"Not installed: {why}" if why else f"Installed {count}"
    packages = Packages(packages=() if why else found[:MOST], source=request.needs.says, says=says)
    return Installed(ok=not why, python=python, count=len(packages.packages), says=says[:300]), packages


async def _by_pip(sandbox: Sandbox, folder: str, request: Install) -> tuple[str, tuple[Package, ...], str]:
    python = f"{ENVIRONMENT}/bin/python"
    made = await sandbox.exec(["python3", "-m", "venv", "--clear", "--without-pip", ENVIRONMENT], timeout=120)
    if made.exit_code != 0:
        return "", (), f"no environment could be made: {_end(made)}"
    # The machine's own pytest comes after the project's packages: where those hold one, that one is used.
    last = f"import sysconfig, pathlib; pathlib.Path(sysconfig.get_path('purelib'), 'zz.pth').write_text({PYTHON!r})"
    await sandbox.exec([python, "-c", last])
    await sandbox.write(ASKED, "\n".join(request.needs.requirements).encode())
    await sandbox.write(SETTLED, "\n".join(request.needs.constraints).encode())
    ran = await sandbox.exec(
        [
            python,
            "-m",
            "pip",
            "install",
            "--trusted-host",
            urlsplit(request.registry.index).netloc,
            *_flags(request.needs),
        ],
        cwd=f"/work/{folder}",
        env={"PYTHONPATH": PIP, "PIP_INDEX_URL": request.registry.index, "PIP_CONFIG_FILE": "/dev/null"},
        timeout=SECONDS,
    )
    if ran.exit_code != 0:
        return "", (), _why(ran)
    report = json.loads(await sandbox.read(REPORT, limit=LARGEST_REPORT))
    return python, tuple(_package(each) for each in report["install"]), ""


def _flags(needs: Needs) -> list[str]:
    lists = [word for name in needs.lists for word in ("-r", name)]
    bounds = ("--retries", "1", "--timeout", "30", "--no-cache-dir", "--prefer-binary", "--no-input", "--quiet")
    return [*bounds, "--report", f"/work/{REPORT}", "-r", f"/work/{ASKED}", "-c", f"/work/{SETTLED}", *lists]


def _package(read: Mapping[str, Any]) -> Package:
    about = read["metadata"]
    hashes = read.get("download_info", {}).get("archive_info", {}).get("hashes", {})
    hash = next((f"{kind}:{value}" for kind, value in hashes.items()), "")
    return Package(name=str(about["name"])[:100], version=str(about["version"])[:60], hash=hash[:150])


async def _by_npm(sandbox: Sandbox, folder: str, request: Install) -> tuple[str, tuple[Package, ...], str]:
    how = ["ci"] if request.needs.locked else ["install", "--no-save", "--no-package-lock"]
    ran = await sandbox.exec(
        ["npm", *how, *BY_NPM],
        cwd=f"/work/{folder}",
        env={"npm_config_registry": request.registry.index, "npm_config_cache": CACHE},
        timeout=SECONDS,
    )
    if ran.exit_code != 0:
        return "", (), _npm_said(ran) or _why(ran)
    try:
        told = await sandbox.read(f"{folder}/node_modules/.package-lock.json", limit=LARGEST_REPORT)
    except NotFound:
        return "", (), ""
    rows = json.loads(told)["packages"].items()
    packages = [
        Package(
            name=path.rpartition("node_modules/")[2],
            version=str(row.get("version", "")),
            hash=str(row.get("integrity", ""))[:150],
        )
        for path, row in rows
    ]
    return "", tuple(packages), ""


def _npm_said(ran: Result) -> str:
    """Its code and the first line after that; what follows is advice, and where its log is."""
    lines = [NPM_ERROR.sub("", line).strip() for line in ran.stderr.decode(errors="replace").splitlines()]
    said = [line.removeprefix("code ") for line in lines if line]
    return "" if ran.timed_out else ": ".join(said[:2])[:300]


def _why(ran: Result) -> str:
    return f"it took over {SECONDS / 60:.0f} minutes" if ran.timed_out else _end(ran)


def _end(ran: Result) -> str:
    """The last that it said."""
    said = (ran.stdout + ran.stderr).decode(errors="replace").split("\n")
    lines = [line.strip() for line in said if line.strip()]
    errors = [line for line in lines if "error" in line.lower()] or lines
    return (errors[-1] if errors else f"exit code {ran.exit_code}")[:300]
