"""What people made of what was proposed, counted of each workflow."""

from datetime import timedelta
from decimal import Decimal

from contracts.records import RunRecord
from contracts.usage import Used
from ledger import Ledger
from tests.ledger.support import NOW, effect_record, enrolled, proposal

SINCE = NOW - timedelta(days=30)


def test_what_was_proposed_is_counted_by_how_it_ended(ledger: Ledger) -> None:
    for run, cost in (("run-1", "0.20"), ("run-2", "0.05"), ("run-3", None), ("run-4", "0.05"), ("run-5", "0")):
        ledger.start_run(RunRecord(run=run, workflow="changelog", started_at=NOW, cost_usd=cost))
    before = NOW - timedelta(days=90)
    ledger.start_run(RunRecord(run="old", workflow="payables", started_at=before, cost_usd="7"))
    made = {run: proposal(ledger, run=run, revision=2 if run == "run-2" else 1) for run in ("run-1", "run-2", "run-3")}
    made["run-4"] = proposal(ledger, run="run-4", workflow="changelog")
    for each in made.values():
        ledger.store_proposal(each)
    for run, state in (("run-1", "approved"), ("run-2", "approved"), ("run-3", "rejected"), ("run-4", "expired")):
        ledger.set_proposal_state(made[run].digest, state)
    record = effect_record(enrolled(ledger).decide(made["run-1"]))
    ledger.intend(record)
    assert ledger.used(SINCE)["changelog"].effects == 0, "it is not done yet"
    ledger.begin_effect(record.key, again=False)
    ledger.finish_effect(record.key, state="done", outcome={})
    counted = Used(signed=2, changed=1, rejected=1, expired=1, effects=1, usd=Decimal("0.30"), unpriced=1)
    assert ledger.used(SINCE) == {"changelog": counted}
