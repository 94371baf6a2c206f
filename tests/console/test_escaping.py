"""Whatever an agent or the world wrote stays words: every text field, every page, a real browser."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.dependencies.models import Dependant
from playwright.async_api import Browser, Page
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    ScheduleState,
)
from temporalio.contrib.pydantic import pydantic_data_converter

from console.access import api_routes
from console.app import create_app
from contracts.decision import Ruling, SignedDecision, Statement
from contracts.proposal import Editable, Proposal
from contracts.records import ANCHORED, CREDENTIALS, EffectRecord, Entry, Person, PersonKey, RunRecord
from contracts.requirements import Requirement
from contracts.signatures import public_line
from contracts.wire import fingerprint
from ledger import Ledger
from tests.console.conftest import deps_for
from tests.console.hostile import MARKS, WORDS, hostile
from tests.console.running import served
from tests.console.samples import NOW, proposal
from workers.devserver import DevServer
from workers.processes import free_port

RUN = f"run {WORDS[:400]}"  # as it stands in addresses
STREAMS = {"/events"}
# What is not made of anybody's words, or not for this visitor.
WORDLESS = {"/enter", "/metrics", "/healthz", "/waits", "/oidc/begin", "/oidc/return"}
WATCH = """
window.ran = [];
window.pwned = (how) => window.ran.push(String(how));
document.addEventListener("securitypolicyviolation", (event) =>
  window.ran.push(`refused ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
# Anything that could act: handlers, scripts that are not ours, frames, addresses that are no addresses, styles.
LOOK = """() => {
  const bad = [...window.ran];
  const ours = (url) => new URL(url, location.href).origin === location.origin;
  for (const one of document.querySelectorAll("*")) {
    for (const { name, value } of one.attributes) {
      if (name.startsWith("on") || name === "style" || name === "srcdoc") bad.push(`${one.tagName} ${name}=${value}`);
      if (["href", "src", "action", "formaction", "xlink:href"].includes(name)) {
        const url = new URL(value, location.href);
        if (!["http:", "https:"].includes(url.protocol)) bad.push(`${one.tagName} ${name}=${value}`);
        if (one.tagName !== "A" && url.origin !== location.origin) bad.push(`${one.tagName} ${name}=${value}`);
      }
    }
    if (["IFRAME", "OBJECT", "EMBED", "BASE", "STYLE", "FRAME"].includes(one.tagName)) bad.push(one.outerHTML);
    if (one.tagName === "SCRIPT" && !(one.src && ours(one.src))) bad.push(one.outerHTML);
    if (one.tagName === "META" && one.httpEquiv) bad.push(one.outerHTML);
  }
  const shown = document.body.cloneNode(true);
  shown.querySelectorAll("textarea, script").forEach((one) => one.remove());
  return [bad, shown.textContent];
}"""
HIDDEN = [chr(code) for code in (0x1B, 0x07, 0x08, 0x7F, 0x9B, 0x2028, 0x2029, 0x202E, 0x2066, 0x200B, 0xFEFF, 0xAD)]


def fill(ledger: Ledger) -> list[Proposal]:
    """Words that attack in every field of everything that a page can show."""
    ledger.enrol(Person(name="ada", display_name=WORDS, email=WORDS, roles=("reviewer", "administrator", WORDS)))
    mine: dict[str, Any] = {"realm": ledger.realm, "run": RUN, "role": "reviewer", "team": "", "created_at": NOW}
    mine |= {"expires_at": NOW + timedelta(hours=3), "digest": ""}
    needs = Requirement(rule=WORDS, roles=("reviewer",), people=(WORDS,))
    ledger.start_run(hostile(RunRecord, run=RUN, state="failed", finished_at=None))
    ledger.start_run(hostile(RunRecord, run="at work", state="running", started_at=NOW - timedelta(days=2)))
    whole = hostile(Proposal, **mine, revision=1).seal()
    decided = hostile(Proposal, **mine, revision=2, needs=(needs,), escalations=(), edited_by=None).seal()
    for each in (whole, decided):
        ledger.store_proposal(each)
    other = proposal(ledger, run="at work", title=WORDS, summary=WORDS, editable=Editable(label=WORDS, text=WORDS))
    ledger.store_proposal(other)
    for number, entry in enumerate(entries()):
        ledger.append(entry.model_copy(update={"key": f"{entry.kind}/{number}"}))
    decisions(ledger, decided)
    effects(ledger, decided)
    line = f"{public_line(Ed25519PrivateKey.generate())} {WORDS}"
    key = hostile(PersonKey, person="ada", revoked_at=None, public_key=line, fingerprint=fingerprint(line))
    ledger.add_key(key)
    ledger.create_token("ada", ["read:runs"], seconds=60, label=WORDS[:100])
    ledger.stop_effects("ada", WORDS)
    return [whole, decided, other]


def entries() -> Iterator[Entry]:
    """One of each kind, one that failed, and those that the health page reads."""
    now = {"started_at": NOW, "finished_at": NOW, "run": RUN}
    for kind in ("activity", "run", "decision", "refusal", "effect", "model", "egress", "system", "person"):
        yield hostile(Entry, kind=kind, **now)
    yield hostile(Entry, kind="activity", outcome="failed", **now)
    refused = {"credential": WORDS, "status": 401, "way_out": WORDS}
    yield hostile(Entry, kind="egress", outcome="refused", facts=refused, **now)
    yield hostile(Entry, kind="activity", outcome="failed", facts={"error": "AccessRefused", "subject": WORDS}, **now)
    yield hostile(Entry, kind="system", name=ANCHORED, outcome="failed", **now)
    ends = {"worker": WORDS, "expires": {WORDS: NOW.isoformat()}}
    yield hostile(Entry, kind="system", name=CREDENTIALS, says=CREDENTIALS + WORDS, facts=ends, **now)


def decisions(ledger: Ledger, decided: Proposal) -> None:
    for verdict, accepted in (("request_changes", True), ("reject", False)):
        why = {"reason": "other"} if verdict == "reject" else {}
        fields = {"realm": ledger.realm, "run": RUN, "digest": decided.digest, "verdict": verdict, "withdraws": ""}
        statement = hostile(Statement, **fields, **why)
        decision = hostile(SignedDecision, statement=statement, batch=None)
        ruling = hostile(Ruling, decision=decision.id, accepted=accepted, verdict=verdict, approvals=())
        ledger.record_decision(decision, ruling)


def effects(ledger: Ledger, decided: Proposal) -> None:
    mine = {"run": RUN, "digest": decided.digest, "decision": "signed", "state": "intent", "finished_at": None}
    for number, state in enumerate(("done", "failed", "unknown")):
        record = hostile(EffectRecord, **mine, key=f"{number} {WORDS}", begun_at=None, outcome={})
        ledger.intend(record)
        ledger.begin_effect(record.key, again=False)
        ledger.finish_effect(record.key, state=state, outcome={"says": WORDS, WORDS: WORDS})


@dataclass
class Watched:
    """A page of a browser in which nothing may run, ask or load from elsewhere."""

    page: Page
    url: str
    asked: list[str] = field(default_factory=list)

    async def watch(self) -> None:
        await self.page.add_init_script(WATCH)
        self.page.on("dialog", lambda dialog: self.asked.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("popup", lambda popup: self.asked.append(f"popup {popup.url}"))

    async def open(self, path: str) -> str:
        """The text that is shown there. Fails where any of the words did anything."""
        self.asked.clear()
        answer = await self.page.goto(self.url + path)
        assert answer is not None
        assert answer.headers["content-security-policy"].startswith("default-src 'none'"), path
        assert answer.headers["x-content-type-options"] == "nosniff", path
        kind = answer.headers.get("content-type", "")
        assert kind.split(";")[0] in {"text/html", "application/json", "application/problem+json", "text/plain"}, path
        bad, shown = await self.page.evaluate(LOOK)
        assert bad == [], path
        assert [url for url in self.asked if not url.startswith(f"{self.url}/")] == [], path
        if kind.startswith("text/html"):
            assert [hex(ord(char)) for char in HIDDEN if char in shown] == [], path
            assert str(739 * 733) not in shown, path
        return str(shown)


@pytest_asyncio.fixture
async def schedule(own_server: DevServer) -> AsyncIterator[None]:
    """One whose name and note attack, too."""
    client = await Client.connect(own_server.address, data_converter=pydantic_data_converter)
    action = ScheduleActionStartWorkflow(WORDS[:500], id="never", task_queue="nobody's")
    plan = Schedule(action=action, spec=ScheduleSpec(), state=ScheduleState(note=WORDS, paused=True))
    handle = await client.create_schedule(f"hostile {WORDS[:500]}", plan)
    yield
    await handle.delete()


@pytest_asyncio.fixture
async def watched(own_server: DevServer, ledger: Ledger, browser: Browser, schedule: None) -> AsyncIterator[Watched]:
    async def temporal() -> Client:
        return await Client.connect(own_server.address, data_converter=pydantic_data_converter)

    url = f"http://127.0.0.1:{(port := free_port())}"
    context = await browser.new_context()
    token = ledger.create_session("ada", 3600)
    await context.add_cookies([{"name": f"countersign_{port}", "value": token, "url": url}])
    with served(deps_for(ledger, temporal=temporal, base_url=url, temporal_ui=own_server.ui), port):
        made = Watched(await context.new_page(), url)
        await made.watch()
        yield made
        await context.close()


def addresses(ledger: Ledger, proposals: list[Proposal]) -> Iterator[tuple[str, str]]:
    """Every route that a browser can open, by each thing that it shows; and once with words in all that it asks for."""
    ids = [each.id for each in proposals]
    runs = [quote(RUN, safe=""), quote("at work", safe=""), quote(f"unknown {WORDS[:200]}", safe="")]
    for route in api_routes(create_app(deps_for(ledger))):
        if "GET" not in (route.methods or ()) or route.path in STREAMS:
            continue
        filled = {"digest": [*ids, quote(f"no {WORDS[:40]}", safe="")], "run:path": runs}
        paths = [route.path]
        for name, values in filled.items():
            paths = [path.replace(f"{{{name}}}", value) for path in paths for value in values]
        paths = list(dict.fromkeys(paths))
        assert not [path for path in paths if "{" in path.replace("%7B", "")], f"say what stands in {route.path}"
        asked = dict.fromkeys(asks(route.dependant), WORDS[:390])
        if route.path == "/batch":
            yield route.path, f"/batch?{urlencode([('id', each) for each in ids])}"
        for path in paths:
            yield route.path, path
        if asked:
            yield route.path, f"{paths[0]}?{urlencode(asked)}"
    yield "no route", f"/nothing/{quote(WORDS[:300], safe='')}"


def asks(dependant: Dependant) -> Iterator[str]:
    yield from (param.alias for param in dependant.query_params)
    for each in dependant.dependencies:
        yield from asks(each)


async def test_nothing_that_was_written_acts_on_any_page(watched: Watched, ledger: Ledger) -> None:
    """A new page is opened by itself, since the routes come from the console; a new field is filled by its type."""
    proposals = fill(ledger)
    shown: dict[str, str] = {}
    for route, path in addresses(ledger, proposals):
        shown[route] = shown.get(route, "") + await watched.open(path)
    pages = {route for route in shown if not route.startswith("/api/")} - WORDLESS - {"no route"}
    for page in pages:
        assert [mark for mark in MARKS if mark not in shown[page]] == [], page


async def test_the_stream_of_changes_says_nothing_that_was_written(watched: Watched, ledger: Ledger) -> None:
    fill(ledger)
    await watched.page.goto(f"{watched.url}/runs")
    script = """async (path) => {
      const reader = (await fetch(path)).body.getReader();
      const { value } = await reader.read();
      await reader.cancel();
      return new TextDecoder().decode(value);
    }"""
    first = await watched.page.evaluate(script, f"/events?run={quote(RUN, safe='')}")
    assert [line.split(":")[0] for line in first.split("\n")] == ["retry", "event", "data", "", ""]
    assert "pwned" not in first
