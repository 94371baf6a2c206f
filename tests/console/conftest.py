"""A console over a real ledger, asked without a network; and one that a real browser can reach."""

import re
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.async_api import Browser, async_playwright

from console.app import create_app
from console.deps import ConsoleDeps
from contracts.decision import Signature, Statement
from contracts.errors import TemporalUnavailable
from contracts.records import Person, PersonKey
from contracts.signatures import public_line, raw_sign
from contracts.wire import fingerprint
from ledger import FolderArtifacts, Ledger
from workers.devserver import DevServer

ARGUMENTS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
BASE = "http://127.0.0.1:8400"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", FolderArtifacts(tmp_path / "artifacts")) as opened:
        opened.enrol(Person(name="ada", display_name="Ada Lovelace", roles=("reviewer",)))
        yield opened


async def no_temporal() -> Any:
    raise TemporalUnavailable("No Temporal server answers.", way_out="Run `countersign up`.")


def deps_for(ledger: Ledger, **changes: Any) -> ConsoleDeps:
    fields: dict[str, Any] = {
        "ledger": ledger,
        "artifacts": ledger.artifacts,
        "temporal": no_temporal,
        "temporal_ui": "http://127.0.0.1:8233",
        "namespace": "default",
        "base_url": BASE,
    }
    return ConsoleDeps(**(fields | changes))


@dataclass
class Visitor:
    """Somebody with a browser's manners: cookies, Origin, the page's own token."""

    http: httpx.AsyncClient
    ledger: Ledger
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    csrf: str = ""
    base: str = BASE

    async def sign_in(self, person: str = "ada") -> None:
        """As the page's script does, but for the enrolled key, which is made here."""
        token = self.ledger.create_session(person, 3600)
        self.http.cookies.set("countersign_8400", token)
        line = public_line(self.private, "browser")
        now = datetime.now(UTC)
        mark = fingerprint(line)
        key = PersonKey(fingerprint=mark, person=person, public_key=line, label="browser", enrolled_at=now)
        self.ledger.add_key(key)
        page = await self.http.get("/")
        found = re.search(r'name="csrf" content="([0-9a-f]{64})"', page.text)
        assert found, page.text
        self.csrf = found.group(1)

    @property
    def headers(self) -> dict[str, str]:
        ours = {"origin": self.base, "sec-fetch-site": "same-origin", "accept": "application/json"}
        return {**ours, "x-csrf-token": self.csrf}

    async def post(self, url: str, body: object) -> httpx.Response:
        return await self.http.post(url, json=body, headers=self.headers)

    async def form(self, url: str, **fields: str) -> httpx.Response:
        return await self.http.post(url, data={"csrf": self.csrf, **fields}, headers={"origin": self.base})

    async def statement(self, digest: str, **choice: str) -> Statement:
        answer = await self.post(f"/api/proposals/{digest}/statement", choice)
        assert answer.status_code == 200, answer.text
        return Statement.model_validate_json(answer.json()["statement"])

    def signed(self, statement: Statement, private: Ed25519PrivateKey | None = None) -> dict[str, Any]:
        private = private or self.private
        value = raw_sign(private, statement.signing_bytes())
        signature = Signature(scheme="ed25519", key=fingerprint(public_line(private)), value=value)
        return {"statement": statement.model_dump(mode="json"), "signature": signature.model_dump()}


def visitor_of(deps: ConsoleDeps, base: str = BASE) -> Visitor:
    app = create_app(deps)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return Visitor(httpx.AsyncClient(transport=transport, base_url=base), deps.ledger, base=base)


@pytest_asyncio.fixture
async def stranger(ledger: Ledger) -> AsyncIterator[Visitor]:
    """Not signed in."""
    visitor = visitor_of(deps_for(ledger))
    async with visitor.http:
        yield visitor


@pytest_asyncio.fixture
async def ada(stranger: Visitor) -> Visitor:
    """Signed in, with a key."""
    await stranger.sign_in()
    return stranger


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session")
async def own_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    """A Temporal server for the stand-in's worker: on a shared one it would take other workers' tasks."""
    async with DevServer(tmp_path_factory.mktemp("console-temporal"), say=print) as server:
        yield server
