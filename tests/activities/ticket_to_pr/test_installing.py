"""npm in a machine that reaches one registry, by its broker, and nothing else."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from activities.ticket_to_pr.installing import install
from activities.ticket_to_pr.needs import needs
from contracts.install import Install, Installed, Packages
from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap
from sandboxes.egress import Egress, Operator, Request
from sandboxes.protocol import Sandbox
from tests.support.npm_registry import HOST, PACKAGES, PLUS, SUM, NpmRegistry, integrity
from tests.support.tls_host import authority, serving
from workers.registries import registries

FOLDER = "repository"
NPM = shutil.which("npm", path="/usr/bin:/usr/local/bin")
pytestmark = pytest.mark.skipif(not NPM, reason="no system npm to try with")


class World:
    """A registry over TLS, and machines that reach it."""

    def __init__(self, folder: Path, registry: NpmRegistry, ca: Path) -> None:
        self.registry, self.told = registry, list[Request]()
        operator = Operator(frozenset({(HOST, registry.port)}), ca)
        self.provider = Bubblewrap(folder / "sandboxes", Egress(self.tell, operator, ask=self.ask))
        [self.as_the_operator_has_it] = registries(f"npm={registry.url}")

    async def tell(self, request: Request) -> None:
        self.told.append(request)

    async def ask(self, host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    @asynccontextmanager
    async def project(self, **files: str) -> AsyncIterator[Sandbox]:
        policy = SandboxPolicy(
            network="allow", allow=self.as_the_operator_has_it.allow, wall_seconds=120, processes=256
        )
        async with await self.provider.create(policy, owner="run") as sandbox:
            for name, text in files.items():
                await sandbox.write(f"{FOLDER}/{name}", text.encode())
            yield sandbox

    async def install(self, sandbox: Sandbox, **files: str) -> tuple[Installed, Packages]:
        asked = Install(lease="", needs=needs(files), registry=self.as_the_operator_has_it)
        return await install(sandbox, FOLDER, asked)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    ca, pem = authority(tmp_path, [HOST])
    registry = NpmRegistry()
    async with serving(registry.serve, pem) as registry.port:
        yield World(tmp_path, registry, ca)


def package(**dependencies: str) -> str:
    return json.dumps({"name": "sums", "version": "1.0.0", "dependencies": dependencies})


def lock(registry: NpmRegistry, at: str) -> str:
    """A lock file that was made with another registry: it names the tarballs there."""
    packages = {
        f"node_modules/{name}": {
            "version": version,
            "resolved": registry.resolved(name, version).replace(registry.url, at),
            "integrity": integrity(registry.tarballs[name, version]),
            **PACKAGES[name, version][0],
        }
        for name, version in ((SUM, "1.2.0"), (PLUS, "1.0.3"))
    }
    root = {"": {"name": "sums", "version": "1.0.0", "dependencies": {SUM: "^1.0.0"}}}
    return json.dumps({"name": "sums", "version": "1.0.0", "lockfileVersion": 3, "packages": root | packages})


async def test_a_package_and_what_it_depends_on_come_and_their_scripts_do_not_run(world: World) -> None:
    files = {"package.json": package(**{SUM: "^1.0.0"})}
    async with world.project(**files) as sandbox:
        installed, told = await world.install(sandbox, **files)
        assert installed.ok, installed.says
        assert {(each.name, each.version, each.hash) for each in told.packages} == {
            (name, version, integrity(world.registry.tarballs[name, version]))
            for name, version in ((SUM, "1.2.0"), (PLUS, "1.0.3"))
        }
        used = await sandbox.exec(["node", "-p", f"require('{SUM}').sum([2, 3])"], cwd=f"/work/{FOLDER}")
        assert used.stdout == b"5\n", used.stderr
        assert await sandbox.list(FOLDER) == ["node_modules/", "package.json"], "no lock file, and nothing ran"
    assert {each.decision for each in world.told} == {"allowed"}
    tarballs = {f"/{SUM}/-/{SUM}-1.2.0.tgz", f"/{PLUS}/-/plus-1.0.3.tgz"}
    assert set(world.registry.paths) == {f"/{SUM}", f"/{PLUS}"} | tarballs, "npm asks for nothing of its own"


@pytest.mark.parametrize("at", ["", "https://registry.npmjs.org/", "https://registry.yarnpkg.com/"])
async def test_a_lock_file_is_kept_to_wherever_it_was_made(world: World, at: str) -> None:
    files = {
        "package.json": package(**{SUM: "^1.0.0"}),
        "package-lock.json": lock(world.registry, at or world.registry.url),
    }
    async with world.project(**files) as sandbox:
        installed, told = await world.install(sandbox, **files)
        assert installed.ok, installed.says
        assert installed.says == "Installed 2 packages that package-lock.json asks for"
        assert {each.name for each in told.packages} == {SUM, PLUS}
    assert {(each.host, each.decision) for each in world.told} == {(HOST, "allowed")}


async def test_a_tarball_that_is_not_what_its_integrity_says_is_not_installed(world: World) -> None:
    world.registry.forged = PLUS
    files = {"package.json": package(**{SUM: "^1.0.0"})}
    async with world.project(**files) as sandbox:
        installed, told = await world.install(sandbox, **files)
    assert not installed.ok
    assert told.packages == ()
    assert "EINTEGRITY" in installed.says


async def test_a_package_that_is_not_there_is_named(world: World) -> None:
    files = {"package.json": package(**{"no-such-package": "1"})}
    async with world.project(**files) as sandbox:
        installed, _ = await world.install(sandbox, **files)
    assert not installed.ok
    assert "no-such-package" in installed.says
    assert "404" in installed.says


async def test_another_registry_that_the_project_names_is_not_reached(world: World) -> None:
    files = {"package.json": package(**{PLUS: "1.0.3"}), ".npmrc": "@acme:registry=http://elsewhere.test/\n"}
    async with world.project(**files) as sandbox:
        installed, _ = await world.install(sandbox, **files)
    assert not installed.ok
    assert "elsewhere.test" in installed.says
    assert {(each.host, each.decision) for each in world.told} == {("elsewhere.test", "refused")}
