"""What the pages say, and that nothing an agent or the world wrote becomes a part of them."""

import html
import re
import threading
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from contracts.plots import PlotLine, PlotSeries
from contracts.proposal import (
    Cell,
    Check,
    Claim,
    ClaimsPanel,
    ComparePanel,
    DiffPanel,
    Editable,
    Effect,
    MarkdownPanel,
    PlotPanel,
    Proposal,
    TablePanel,
)
from contracts.records import Entry, Person
from ledger import Ledger
from tests.console.conftest import Visitor
from tests.console.samples import ENTRY, NOW, add_entries, proposal, run_record

RUN = "changelog-harbor-2026-11-23"


@pytest.fixture
def sample(ledger: Ledger) -> Proposal:
    ledger.start_run(run_record())
    stored = proposal(ledger)
    ledger.store_proposal(stored)
    return stored


async def test_an_empty_inbox_says_what_to_do(ada: Visitor) -> None:
    page = (await ada.http.get("/")).text
    assert "Nothing needs you" in page
    assert "countersign run changelog" in page


async def test_the_inbox_lists_what_waits_oldest_first(ada: Visitor, ledger: Ledger, sample: Proposal) -> None:
    older = proposal(ledger, run="b", title="The older one", created_at=NOW - timedelta(days=2))
    ledger.store_proposal(older)
    page = (await ada.http.get("/")).text
    assert "2 proposals need a decision" in page
    assert page.index("The older one") < page.index(sample.title)
    for words in (sample.summary, "drafted by a model", "$0.0312 for 9,067 tokens", "3 hours ago", "in 30 days"):
        assert words.replace("in 30 days", "in 29 days") in page or words in page
    assert f"/proposals/{sample.id}" in page


async def test_a_damaged_proposal_hides_no_other(
    ada: Visitor, ledger: Ledger, sample: Proposal, tmp_path: Path
) -> None:
    ledger.store_proposal(proposal(ledger, run="b", title="The good one"))
    for file in (tmp_path / "artifacts").rglob("*"):
        if file.is_file() and sample.run.encode() in file.read_bytes():
            file.chmod(0o644)
            file.write_bytes(file.read_bytes().replace(b"4 entries", b"9 entries"))
    page = (await ada.http.get("/")).text
    assert "The good one" in page
    assert "is not what its digest says" in page
    answer = await ada.http.get(f"/proposals/{sample.id}")
    assert answer.status_code == 403
    assert "data-verdict" not in answer.text


async def test_a_failed_run_is_a_card_with_the_way_out(ada: Visitor, ledger: Ledger) -> None:
    ledger.start_run(run_record(state="failed", says="'/tmp/x' is not a git repository.", finished_at=NOW))
    facts = {"error": "NotARepository", "way_out": "Give a path with a .git folder."}
    entry = {"key": "k", "kind": "activity", "name": "changelog.gather", "says": "Failed", "run": RUN}
    times = {"outcome": "failed", "started_at": NOW, "finished_at": NOW, "facts": facts}
    ledger.append(Entry.model_validate(entry | times))
    for url in ("/", f"/runs/{RUN}"):
        page = (await ada.http.get(url)).text
        assert "is not a git repository." in page
        assert "Give a path with a .git folder." in page


async def test_the_proposal_page_shows_intent_before_the_bulk(ada: Visitor, sample: Proposal) -> None:
    page = (await ada.http.get(f"/proposals/{sample.id}")).text
    order = [
        sample.summary,
        "What happens if you sign",
        "Checks",
        "The entry",
        "The exact change to the file",
        "What stands behind each line",
        "Left out, and why",
        "Beside the baseline",
    ]
    places = [page.index(words) for words in order]
    assert places == sorted(places)
    assert f">{sample.button()}</button>" in page
    assert sample.digest in page
    assert f"countersign approve {sample.id}" in page
    assert re.search(r'<tr class="add"><td class="number"></td><td class="number">5</td>', page)
    assert f"http://127.0.0.1:8233/namespaces/default/workflows/{RUN}/0197-abc/history" in page


async def test_a_later_revision_shows_what_it_changed(ada: Visitor, ledger: Ledger, sample: Proposal) -> None:
    text = ENTRY.replace("a growing pause", "a longer pause each time")
    editable = Editable(label="The entry", text=text)
    second = proposal(ledger, revision=2, editable=editable, drafted_by="person", edited_by="ada")
    ledger.store_proposal(second)
    page = (await ada.http.get(f"/proposals/{second.id}")).text
    changed = page[page.index('id="changed"') : page.index("The exact change")]
    assert "a growing pause" in changed
    assert "a longer pause each time" in changed
    assert "Revision 1" in page
    first = (await ada.http.get(f"/proposals/{sample.id}")).text
    assert "A newer revision took its place" in first
    assert f"/proposals/{second.id}" in first
    assert "data-verdict" not in first


async def test_a_run_is_a_timeline_with_long_waits_folded(ada: Visitor, ledger: Ledger) -> None:
    ledger.start_run(run_record(state="done", says="Committed 5d1c2e0.", finished_at=NOW))
    add_entries(ledger, RUN)
    page = (await ada.http.get(f"/runs/{RUN}")).text
    assert "7 entries" in page
    assert "Long waits are folded: 2 hours" in page
    assert "attempt 2" in page
    widths = [float(w) for w in re.findall(r'class="bar" x="[\d.]+" y="2" width="([\d.]+)"', page)]
    assert len(widths) == 7
    assert all(0 < width <= 100 for width in widths)
    assert widths[0] > widths[1] > widths[4]


async def test_the_ledger_is_searched_by_run_kind_and_words(ada: Visitor, ledger: Ledger) -> None:
    add_entries(ledger, RUN)
    found = (await ada.http.get("/ledger", params={"words": "overloaded"})).text
    assert "The provider was overloaded" in found
    assert "Sealed revision 1" not in found
    assert "No entry like that" in (await ada.http.get("/ledger", params={"run": "other"})).text
    people = (await ada.http.get("/ledger", params={"kind": "person"})).text
    assert "was enrolled" in people
    assert "overloaded" not in people


async def test_the_ledger_is_read_page_by_page_with_what_was_asked(
    ada: Visitor, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.ledger.PAGE", 4)
    add_entries(ledger, RUN)
    seen, url = "", f"/ledger?run={RUN}&words=&since=9000d"
    pages = 0
    while url:
        page = (await ada.http.get(url)).text
        seen, pages = seen + page, pages + 1
        older = re.search(r'href="(/ledger\?[^"]+)">Older', page)
        url = html.unescape(older.group(1)) if older else ""
    assert (pages, len(re.findall(r'id="entry-', seen))) == (2, 7)
    wrong = (await ada.http.get("/ledger", params={"since": "<b>yesterday"})).text
    assert "is no time" in wrong
    assert "<b>" not in wrong


async def test_workflows_and_health_say_so_when_the_server_is_away(ada: Visitor, sample: Proposal) -> None:
    workflows = (await ada.http.get("/workflows")).text
    assert "No Temporal server answers." in workflows
    assert "Runs: 1 waiting" in workflows
    assert "In 30 days: 0 proposals signed" in workflows
    assert "$0.0312 for models" in workflows
    health = (await ada.http.get("/health")).text
    assert "1 thing needs fixing" in health
    assert "countersign up" in health


async def test_what_is_not_there_is_a_page_with_a_way_on(ada: Visitor) -> None:
    for url in ("/nothing", "/runs/nothing", "/proposals/aaaaaaaaaaaa", "/static/nothing.js"):
        answer = await ada.http.get(url)
        assert answer.status_code == 404, url
        assert "Go to the inbox" in answer.text
    assert (await ada.http.get("/proposals/zz")).status_code == 422
    assert (await ada.http.put("/runs", headers=ada.headers)).status_code == 405


async def test_our_own_mistake_is_a_page_without_a_traceback(
    ada: Visitor, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> list[Any]:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(ledger, "runs", broken)
    answer = await ada.http.get("/runs")
    assert answer.status_code == 500
    assert "The console made a mistake" in answer.text
    assert "secret detail" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert (await ada.http.get("/api/runs")).headers["content-type"] == "application/problem+json"


async def test_a_slow_proof_holds_up_no_page(ada: Visitor, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    verify = ledger.verify
    monkeypatch.setattr(ledger, "verify", lambda: (done.wait(30), verify())[1])
    monkeypatch.setattr("console.verification.PATIENCE_SECONDS", 0.05)
    assert "It is being verified" in (await ada.http.get("/ledger")).text
    assert "It is being verified" in (await ada.http.get("/health")).text
    done.set()
    monkeypatch.setattr("console.verification.PATIENCE_SECONDS", 10)
    assert "none of them sealed yet" in (await ada.http.get("/ledger")).text


# Hostile words

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</textarea><script>alert(1)</script>",
    "javascript:alert(1)",
    "[click](javascript:alert(1)) [data](data:text/html,x) ![i](http://evil.example/i.png) <b>bold</b>",
    "<a href='javascript:alert(1)'>x</a> <http://evil.example/>",
    "{{ 739*733 }}{% raw %}",
    "safe\u202egnp.exe\u2066\x1b[31m\x00".replace("\x00", ""),
)


SCHEMES = ("javascript:", "data:", "vbscript:")


class Seen(HTMLParser):
    """The elements and attributes of a page, as a browser would make them."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "script" and not (values.get("src") or "").startswith("/static/"):
            self.bad.append(self.get_starttag_text() or tag)
        if tag in {"iframe", "object", "embed", "base", "style", "b"}:
            self.bad.append(tag)
        if tag == "img" and values.get("src") != "/static/mark.svg":
            self.bad.append(str(values))
        for name, value in attrs:
            target = (value or "").strip().lower()
            leads = name in {"href", "src", "action", "formaction"}
            if name.startswith("on") or name == "style" or (leads and target.startswith(SCHEMES)):
                self.bad.append(f"{tag} {name}={value}")
        if tag == "a" and (values.get("href") or "").startswith("http") and "noopener" not in (values.get("rel") or ""):
            self.bad.append(f"a without noopener: {values}")


def hostile(ledger: Ledger, words: str) -> Proposal:
    """A proposal with the words in every field that has room for them."""
    cell = Cell(text=words, href="https://example.com/" + words)
    return proposal(
        ledger,
        run=f"run {words}",
        workflow=words,
        version=words,
        title=words,
        summary=words,
        fallback=words,
        edited_by=words,
        effects=(Effect(kind=words, key=words, says=words, params={words: words, "deep": {words: [words]}}),),
        panels=(
            MarkdownPanel(title=words, text=words),
            DiffPanel(title=words, path=words, diff=f"@@ -1 +1 @@ {words}\n-{words}\n+{words}\n"),
            ClaimsPanel(title=words, claims=(Claim(text=words, group=words, sources=(cell,)),)),
            TablePanel(title=words, columns=(words,), rows=((cell,),), note=words, folded=True),
            PlotPanel(
                title=words,
                x=(1.0, 2.0),
                series=(PlotSeries(name=words[:80], y=(1.0, 2.0)),),
                lines=(PlotLine(name=words[:80], y=1.5),),
                x_label=words,
                unit=words,
                note=words,
            ),
            ComparePanel(title=words, left_title=words, left=words, right_title=words, right=words),
        ),
        checks=(Check(name=words, passed=False, says=words),),
        editable=Editable(label=words, text=words),
        role="reviewer",
    )


def hostile_entry(run: str, words: str) -> Entry:
    fields = {"key": "h", "kind": "activity", "name": words, "says": words, "run": run, "actor": words}
    more = {"outcome": "failed", "started_at": NOW, "finished_at": NOW, "facts": {words: words, "way_out": words}}
    return Entry.model_validate(fields | more)


@pytest.mark.parametrize("words", ATTACKS)
async def test_hostile_words_stay_words_everywhere(ada: Visitor, ledger: Ledger, words: str) -> None:
    ledger.enrol(Person(name="ada", display_name=words))
    attack = hostile(ledger, words)
    ledger.store_proposal(attack)
    ledger.start_run(run_record(attack.run, workflow=words, subject=words, says=words, state="failed"))
    ledger.append(hostile_entry(attack.run, words))
    run_url = "/runs/" + str(ada.http.build_request("GET", "/", params={"x": attack.run}).url.query, "ascii")[2:]
    urls = ["/", f"/proposals/{attack.id}", run_url.replace("+", "%20"), "/runs", "/workflows", "/health"]
    urls += ["/ledger", "/enter"]
    for url in urls:
        answer = await ada.http.get(url)
        assert answer.status_code == 200, (url, answer.text)
        await check_page(answer.text, url)
    for url in ("/ledger", "/runs"):
        echo = await ada.http.get(url, params={"words": words, "run": words, "kind": words, "workflow": words})
        await check_page(echo.text, url)
    failed = await ada.form(f"/proposals/{attack.id}/revise", text=words + "!")
    await check_page(failed.text, "revise")


async def check_page(html: str, where: str) -> None:
    seen = Seen()
    seen.feed(html)
    assert seen.bad == [], where
    assert "541687" not in html
    visible = re.sub(r"<textarea.*?</textarea>|value=\"[^\"]*\"", "", html, flags=re.DOTALL)
    assert "\u202e" not in visible
    assert "\x1b" not in visible


async def test_a_text_field_keeps_every_character(ada: Visitor, ledger: Ledger) -> None:
    """Otherwise an edit elsewhere in the text would silently change what cannot be seen."""
    text = "\n\n  two lines above, and \u202eone hidden & <b>\n"
    sample = proposal(ledger, editable=Editable(label="Text", text=text))
    ledger.store_proposal(sample)
    page = (await ada.http.get(f"/proposals/{sample.id}")).text
    inside = re.search(r'<textarea id="text"[^>]*>\n(.*?)</textarea>', page, flags=re.DOTALL)
    assert inside
    assert inside.group(1) == text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
