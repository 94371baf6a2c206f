"""What this host has, what it lacks, and the command that fixes it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from contracts.errors import CountersignError
from contracts.wire import fingerprint
from sandboxes import Finding as ProviderFinding
from sandboxes import hosted
from sandboxes.providers import probe
from workers import devserver, keys, packages, statements
from workers.devserver.state import ServerFolder
from workers.installation import existing_ledger
from workers.processes import describe, holder, is_free, next_free
from workers.settings import Settings

State = Literal["ok", "missing", "optional", "unknown"]
GIT_FLOOR = (2, 25)  # --sparse, --no-write-fetch-head and safe.directory came before it or with it
DISK_NEEDED = 2 << 30
DISK_TO_BUILD = 4 << 30
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's. `missing` is needed and not there; `optional` isn't there and may stay so."""

    name: str
    state: State
    says: str
    fix: str = ""


Check = Callable[[Settings], Awaitable[list[Finding]]]


async def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order that a person would fix them. Changes nothing; a few seconds."""
    return [finding for check in CHECKS for finding in await check(settings)]


def is_well(findings: Iterable[Finding]) -> bool:
    return not any(finding.state == "missing" for finding in findings)


async def python(_: Settings) -> list[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    return [Finding("Python", "ok", f"{version}, {sys.executable}")]


async def git(_: Settings) -> list[Finding]:
    path = shutil.which("git")
    if path is None:
        return [Finding("git", "missing", "not on the path", packages.install("git"))]
    version = version_of([path, "--version"])
    if tuple(map(int, version.split(".")[:2])) < GIT_FLOOR:
        floor = ".".join(map(str, GIT_FLOOR))
        return [Finding("git", "missing", f"{version} is older than {floor}", packages.install("git"))]
    return [Finding("git", "ok", f"{version}, {path}")]


async def ssh_keygen(_: Settings) -> list[Finding]:
    path = shutil.which("ssh-keygen")
    if path:
        return [Finding("ssh-keygen", "ok", path)]
    says = "not on the path; only hardware keys and checking signatures by hand need it"
    return [Finding("ssh-keygen", "optional", says, packages.install("ssh-keygen"))]


async def sandbox(_: Settings) -> list[Finding]:
    """A sandbox is built for real by each provider, not looked up. One has to work: there is no weaker fallback."""
    return [Finding(each.name, _sandbox_state(each), each.says, each.fix) for each in await probe()]


def _sandbox_state(found: ProviderFinding) -> State:
    return "ok" if found.ok else "optional" if found.optional else "missing"


async def hosted_sandboxes(_: Settings) -> list[Finding]:
    """Never needed, and nothing is sent to find out."""
    found = hosted.findings(os.environ)
    return [Finding(each.name, "ok" if each.ok else "optional", each.says, each.fix) for each in found]


async def temporal(settings: Settings) -> list[Finding]:
    if settings.temporal_address:
        return [await _existing_server(settings)]
    found, tried = await devserver.look(settings.tools)
    if found:
        return [Finding("Temporal", "ok", f"server {found.server}, {found.how}: {found.path}")]
    if shutil.which("go"):
        says = "none on this host yet; `countersign up` downloads it, or builds it with Go (three minutes, once)"
        return [Finding("Temporal", "optional", says, "countersign up")]
    says = "; ".join([*tried, "and there is no Go to build it, so a download has to work"])
    return [Finding("Temporal", "unknown", says, "https://docs.temporal.io/cli, or TEMPORAL_ADDRESS=host:7233")]


async def _existing_server(settings: Settings) -> Finding:
    from workers.up import reach

    try:
        client = await reach(settings)
        missing = await devserver.missing_search_attributes(client)
    except CountersignError as error:
        return Finding("Temporal", "missing", error.what, error.way_out)
    except Exception as error:  # an RPC refused, in whichever way this server refuses
        return Finding("Temporal", "unknown", f"{settings.address} answers, and refused a question: {error}")
    says = f"{settings.address}, namespace {settings.namespace!r}"
    if missing:
        return Finding("Temporal", "optional", f"{says} lacks search attributes; `up` adds them", "countersign up")
    return Finding("Temporal", "ok", says)


async def go(_: Settings) -> list[Finding]:
    path = shutil.which("go")
    if path is None:
        says = "not on the path; only building the Temporal server needs it"
        return [Finding("Go", "optional", says, packages.install("go"))]
    return [Finding("Go", "ok", f"{version_of([path, 'version'])}, {path}")]


async def ports(settings: Settings) -> list[Finding]:
    wanted = {"COUNTERSIGN_CONSOLE_PORT": settings.console_port}
    if not settings.temporal_address:
        wanted["COUNTERSIGN_TEMPORAL_PORT"] = settings.temporal_port
        wanted["COUNTERSIGN_TEMPORAL_UI_PORT"] = settings.temporal_ui_port
    return [_port(setting, port, settings) for setting, port in wanted.items()]


def _port(setting: str, port: int, settings: Settings) -> Finding:
    name = f"port {port}"
    if is_free(port):
        return Finding(name, "ok", "free")
    process = holder(port)
    if process and _is_ours(process, settings):
        return Finding(name, "ok", f"in use by this installation: {describe(process)}")
    return Finding(name, "missing", f"taken by {describe(process)}", f"{setting}={next_free(port)}")


def _is_ours(process: psutil.Process, settings: Settings) -> bool:
    server = ServerFolder(settings.state / "temporal").running()
    if server is None:
        return False
    try:
        return process.pid == server.pid or process.ppid() == server.ppid()
    except psutil.Error:
        return False


async def state(settings: Settings) -> list[Finding]:
    folder = settings.state
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        fix = "COUNTERSIGN_STATE=/path/to/folder"
        return [Finding("state folder", "missing", f"{existing} cannot be written", fix)]
    there = "there" if folder.exists() else "will be made"
    return [Finding("state folder", "ok", f"{folder}, {there}"), _space(existing)]


def _space(path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    says = f"{free / (1 << 30):.1f} GiB free at {path}"
    if free < DISK_NEEDED:
        return Finding(
            "disk space", "missing", f"{says}; 2 GiB are needed", "free some, or COUNTERSIGN_STATE=/other/disk"
        )
    if free < DISK_TO_BUILD:
        return Finding("disk space", "optional", f"{says}; building the Temporal server needs 4 GiB")
    return Finding("disk space", "ok", says)


async def database(settings: Settings) -> list[Finding]:
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import SQLAlchemyError

    if not settings.database_url:
        return [Finding("database", "ok", f"SQLite, {settings.state / 'ledger.db'}")]
    try:
        url = make_url(settings.database_url)
        shown = url.render_as_string(hide_password=True)
        engine = create_engine(url)
        engine.connect().close()
        engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        first = str(error).splitlines()[0]
        return [Finding("database", "missing", f"COUNTERSIGN_DATABASE_URL: {first}", "start it, or correct the URL")]
    return [Finding("database", "ok", shown)]


async def egress(settings: Settings) -> list[Finding]:
    """Whether the brokers' settings can be read, and the variables that they name are set. No value is looked at."""
    from workers.egress import credential_names, operator

    try:
        names = sorted({*credential_names(settings, "agents"), *credential_names(settings, "effects")})
        private = len(operator(settings, "agents").private)
    except CountersignError as error:
        return [Finding("egress", "missing", error.what, error.way_out)]
    authorities = settings.egress_authorities
    if authorities and not Path(authorities).is_file():
        says = f"COUNTERSIGN_EGRESS_AUTHORITIES: {authorities} is no file"
        return [Finding("egress", "missing", says, "point it at a PEM file, or leave it out")]
    if unset := [name for name in names if not os.environ.get(name)]:
        fix = " ".join(f"{name}=…" for name in unset)
        return [Finding("egress", "missing", f"a setting names {', '.join(unset)}, and none is set here", fix)]
    says = f"credentials by name: {', '.join(names) or 'none'}; private hosts opened: {private}"
    return [Finding("egress", "ok", says)]


async def effects(settings: Settings) -> list[Finding]:
    """Whether effects are stopped, and how far their limits are used. The ledger is looked at where there is one."""
    from workers.effects import limits_of

    try:
        limits = limits_of(settings)
    except CountersignError as error:
        return [Finding("effects", "missing", error.what, error.way_out)]
    said = [str(limit) for limit in limits] or ["no limit"]
    try:
        with existing_ledger(settings) as ledger:
            if ledger is None:
                return [Finding("effects", "ok", "; ".join(said))]
            switch, said = ledger.effect_switch(), [each.says for each in ledger.effect_usage(limits)] or said
    except CountersignError as error:
        return [Finding("effects", "unknown", f"the ledger can't be asked: {error.what}", error.way_out)]
    says = "; ".join([switch.says.rstrip("."), *said])
    return [Finding("effects", "optional" if switch.stopped else "ok", says, "countersign effects start")]


async def tickets(settings: Settings) -> list[Finding]:
    """Where tickets can be read from. Nobody is asked, and no token is looked at beyond whether it is there."""
    from workers.services import services

    try:
        known = services(settings, "agents").all
    except CountersignError as error:
        return [Finding("tickets", "missing", error.what, error.way_out)]
    named = [each for each in known if each.credential]
    if unset := [
        each.credential.name for each in named if each.credential and not os.environ.get(each.credential.name)
    ]:
        fix = " ".join(f"{name}=…" for name in unset)
        return [Finding("tickets", "missing", f"a setting names {', '.join(unset)}, and none is set here", fix)]
    if named:
        says = f"of files and {', '.join(each.name for each in named)} (by name, not tried)"
        return [Finding("tickets", "ok", says)]
    says = "of files, and of public issues at GitHub; no token for others"
    return [Finding("tickets", "optional", says, "COUNTERSIGN_TICKET_CREDENTIALS=github.com=GITHUB_TOKEN")]


async def mcp(settings: Settings) -> list[Finding]:
    """Whether the file of MCP servers can be read, and what it names is there. No server is asked."""
    from activities.mcp.servers import SETTING, servers

    try:
        known = servers(settings.mcp_servers)
    except CountersignError as error:
        return [Finding("MCP servers", "missing", error.what, error.way_out)]
    if not known:
        says = "none: agents have the platform's own tools"
        return [Finding("MCP servers", "optional", says, f"{SETTING}=/path/to/servers.toml (docs/agents.md)")]
    secrets = sorted({name for each in known.values() for name in each.secrets})
    if unset := [name for name in secrets if not os.environ.get(name)]:
        fix = " ".join(f"{name}=…" for name in unset)
        return [Finding("MCP servers", "missing", f"the file names {', '.join(unset)}, and none is set here", fix)]
    folders = [folder for each in known.values() for folder in each.folders.values()]
    if gone := [str(folder) for folder in folders if not folder.is_dir()]:
        fix = f"make it, or correct {settings.mcp_servers}"
        return [Finding("MCP servers", "missing", f"no folder at {', '.join(gone)}", fix)]
    return [Finding("MCP servers", "ok", f"{', '.join(sorted(known))} (not tried)")]


async def models(_: Settings) -> list[Finding]:
    """Whether a key is there. Its value is not looked at, and never shown."""
    there = [name for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY") if os.environ.get(name)]
    if there:
        return [Finding("model", "ok", f"{' and '.join(there)} set (not shown, not tried)")]
    says = "no key: the baseline drafts everything, at no cost"
    return [Finding("model", "optional", says, "ANTHROPIC_API_KEY=… or OPENAI_API_KEY=… (and OPENAI_BASE_URL)")]


async def person(settings: Settings) -> list[Finding]:
    path = keys.key_path(settings)
    if not path.exists():
        says = f"{keys.person_name(settings)} has no key here yet"
        return [Finding("person", "optional", says, "countersign enrol")]
    if path.stat().st_mode & 0o077:
        return [Finding("person", "missing", f"the key {path} can be read by others", f"chmod 600 {path}")]
    return [_believed(settings, path)]


def _believed(settings: Settings, path: Path) -> Finding:
    """Whether the effects' worker goes by that key, as far as this host can tell."""
    name = keys.person_name(settings)
    try:
        with existing_ledger(settings) as ledger:
            if ledger is None:
                return Finding("person", "ok", f"{name} may sign with {path}")
            mark = fingerprint(path.with_suffix(".pub").read_text())
            key, asks = ledger.trusted_key(mark), len(statements.asking(ledger))
            rows = ledger.believes_rows
    except (CountersignError, OSError) as error:
        return Finding("person", "unknown", f"whether {name} is believed can't be asked: {error}")
    if rows:
        says = f"{name} has a key, and nobody's is pinned in {settings.trusted}: the effects' worker has to have roots"
        return Finding("person", "optional", says, "countersign enrol")
    if key is None or key.revoked_at is not None:
        return Finding("person", "missing", f"nobody who may has signed for the key {path}", "countersign trust list")
    others = (
        f"; {asks} other key{'' if asks == 1 else 's'} asked to be accepted: countersign trust list" if asks else ""
    )
    return Finding("person", "ok", f"{name} may sign with {path}{others}")


async def organisation(settings: Settings) -> list[Finding]:
    """Whether the organisation's sign-in answers as what the settings say it is, and its file of roles fits ours."""
    from workers.organisation import provider, strange_teams

    try:
        found = provider(settings, os.environ)
        if found is None:
            says = "none set: people sign in by one-time links"
            return [Finding("organisation", "optional", says, "COUNTERSIGN_OIDC_ISSUER (docs/identity.md)")]
        await found.begin("")
    except CountersignError as error:
        return [Finding("organisation", "missing", error.what, error.way_out or "")]
    if strange := strange_teams(found.roles):
        says = f"{settings.roles} gives roles in {', '.join(strange)}, which no workflow here belongs to"
        return [Finding("organisation", "optional", says, "a policy's `team` has to be that very name")]
    return [Finding("organisation", "ok", f"{found.issuer} answers")]


async def chromium(_: Settings) -> list[Finding]:
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path:
        return [Finding("Chromium", "ok", f"{path} (for the tests)")]
    return [Finding("Chromium", "optional", "not on the path; only the tests need it", packages.install("chromium"))]


def version_of(argv: list[str]) -> str:
    """The first thing in a program's answer that looks like a version; `0.0` if it gives none."""
    try:
        answer = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "0.0"
    match = re.search(r"\d+\.\d+(\.\d+)?", answer)
    return match[0] if match else "0.0"


CHECKS: tuple[Check, ...] = (
    python,
    git,
    sandbox,
    hosted_sandboxes,
    temporal,
    go,
    ports,
    state,
    database,
    person,
    organisation,
    models,
    egress,
    effects,
    tickets,
    mcp,
    ssh_keygen,
    chromium,
)
