"""What people decided about invoices, from their words; and what the run before planned, from the ledger."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from activities.effects.payment_params import KIND
from activities.payables.holds import releasable
from activities.payables.names import plain_number
from contracts.errors import CountersignError
from contracts.paying import APART, Asked, Books, Dropped, Hold, Invoice, Memory, Plan, Remembered
from contracts.proposal import Proposal
from contracts.steps import PAYABLES_PLAN
from ledger import Ledger

_ASKED = re.compile(
    r"^\s*(?P<what>release|pay|leave out|hold)\s+(?P<which>[^:]+?)\s*(?::\s*(?P<why>.*))?$", re.IGNORECASE
)
LOOKED_AT = 40  # runs before this one
MOST = 5_000  # decisions that are remembered, the newest
UNDERSTOOD = "Ask like “release 2026-17: they confirmed it by phone” or “leave out 2026-18: wrong price”."


def remember(
    memory: Memory, asked: Sequence[Asked], books: Books, holds: Sequence[Hold]
) -> tuple[Memory, tuple[str, ...]]:
    """The memory with what a reviewer's words say, a line each, and what became of each line."""
    known, answers = list(memory.known), list[str]()
    for each in asked:
        for line in filter(str.strip, each.words.splitlines()):
            found, answer = _understood(line, each, books, holds)
            known += found
            answers.append(answer)
    return memory.model_copy(update={"known": tuple(known[-MOST:])}), tuple(answers)


def _understood(line: str, asked: Asked, books: Books, holds: Sequence[Hold]) -> tuple[list[Remembered], str]:
    said = _ASKED.match(line)
    invoices = _meant(said["which"], books) if said else []
    if said is None or not invoices:
        why = f"No open invoice is called {said['which']!r}." if said else UNDERSTOOD
        return [], f"“{line.strip()[:120]}” was not acted on. {why}"
    release = said["what"].lower() in ("release", "pay")
    by_invoice = {hold.invoice: hold for hold in holds}
    found = [
        _remembered(each, release, by_invoice.get(each.id), asked, (said["why"] or "").strip()) for each in invoices
    ]
    kept = [each for each in found if each is not None]
    verb = "Released" if release else "Left out"
    names = ", ".join(each.number for each in kept[:5])
    told = f"{verb} as {asked.by} asked: {names}." if kept else f"Nothing of {said['which']!r} was to be released."
    stays = {by_invoice[each.id].says for each in invoices if release and each.id in by_invoice} if not kept else set()
    return kept, " ".join((told, *(f"{why}: that is not for one person to release." for why in sorted(stays)[:3])))


def _remembered(invoice: Invoice, release: bool, hold: Hold | None, asked: Asked, why: str) -> Remembered | None:
    if release and (hold is None or not releasable(hold)):
        return None
    return Remembered(
        what="released" if release else "left out",
        kind=hold.kind if release and hold else "left out",
        invoice=invoice.id,
        vendor=invoice.vendor,
        number=invoice.number,
        amount=invoice.amount,
        currency=invoice.currency,
        against=hold.against if hold else "",
        by=asked.by,
        why=why[:300],
        at=asked.at,
    )


def _meant(which: str, books: Books) -> list[Invoice]:
    """The open invoices of that number or id; or all of a vendor, by id or name."""
    plain, folded = plain_number(which.strip(" '\"#“”")), which.strip().casefold()
    exact = [each for each in books.invoices if each.id == which.strip()]
    numbered = exact or [each for each in books.invoices if plain and plain_number(each.number) == plain]
    vendors = {each.id for each in books.vendors if folded in (each.id.casefold(), each.name.casefold())}
    return numbered or [each for each in books.invoices if each.vendor in vendors]


def plans_before(ledger: Ledger, run: str, source: str) -> Iterator[tuple[str, str]]:
    """Runs of the same books before this one and the references of their last plans, newest first."""
    for record in ledger.runs(workflow="payables", limit=LOOKED_AT):
        if record.run == run:
            continue
        entries = ledger.entries(run=record.run, kind="activity", newest_first=True)
        made = [each for each in entries if each.name == PAYABLES_PLAN.name and each.outcome == "ok"]
        if made and made[0].facts.get("source") == source:
            yield record.run, str(made[0].facts["plan"])


def dropped(ledger: Ledger, run: str) -> tuple[Dropped, ...]:
    """The payments that people took out of what a run proposed, and of what the run that it started did."""
    return tuple(each for of in (run, f"{run}{APART}") for each in _dropped(ledger, of))


def _dropped(ledger: Ledger, run: str) -> Iterator[Dropped]:
    records = sorted(ledger.proposals(state="", run=run), key=lambda each: each.revision)
    try:
        bodies: list[Proposal] = [ledger.proposal(each.digest) for each in records]
    except CountersignError:
        return  # erased since
    for before, after in pairwise(bodies):
        if after.edited_by is None:
            continue
        left = {effect.key for effect in after.effects}
        for effect in before.effects:
            if effect.kind == KIND and effect.key not in left:
                yield Dropped(
                    says=effect.says, by=after.edited_by, at=after.created_at, invoices=_invoices(effect.params)
                )


def _invoices(params: object) -> tuple[str, ...]:
    lines = params.get("lines") if isinstance(params, dict) else None
    return tuple(str(one) for line in lines or () for one in line.get("invoices", ()))


def newest(plan: Plan | None) -> Memory:
    """What is remembered so far."""
    return plan.memory if plan else Memory()
