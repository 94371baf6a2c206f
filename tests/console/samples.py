"""Proposals, runs and entries for the console's tests: one that a customer would see, one that attacks."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from contracts.plots import PlotLine, PlotSeries
from contracts.proposal import (
    Cell,
    Check,
    Claim,
    ClaimsPanel,
    ComparePanel,
    Cost,
    DiffPanel,
    Editable,
    Effect,
    MarkdownPanel,
    Panel,
    PlotPanel,
    Proposal,
    TablePanel,
)
from contracts.records import Entry, RunRecord
from ledger import Ledger

NOW = datetime.now(UTC).replace(microsecond=0)
ENTRY = """## Unreleased

### Added

- Retry failed uploads with a growing pause ([#482](https://github.com/acme/harbor/pull/482))
- `harbor sync --dry-run` shows what would change without changing it (#479)

### Fixed

- Uploads larger than 4 GB no longer stop at the last part (#475, #477)
- The progress bar counts files once, also after a retry (#471)
"""
BASELINE = ENTRY.replace("with a growing pause", "with backoff").replace("counts files once", "fix")
DIFF = """--- a/CHANGELOG.md
+++ b/CHANGELOG.md
@@ -3,6 +3,18 @@
 All notable changes to this project are documented here.
 
-## Unreleased
-
-Nothing yet.
+## Unreleased
+
+### Added
+
+- Retry failed uploads with a growing pause ([#482](https://github.com/acme/harbor/pull/482))
+- `harbor sync --dry-run` shows what would change without changing it (#479)
+
+### Fixed
+
+- Uploads larger than 4 GB no longer stop at the last part (#475, #477)
+- The progress bar counts files once, also after a retry (#471)
+
 ## 2.3.0
 
 - Faster listing of large folders
"""


def commit(sha: str, subject: str) -> Cell:
    return Cell(text=f"{sha} {subject}", href=f"https://github.com/acme/harbor/commit/{sha}")


def panels(text: str = ENTRY) -> tuple[Panel, ...]:
    added, fixed = "Added", "Fixed"
    claims = (
        Claim(
            text="Retry failed uploads with a growing pause",
            group=added,
            sources=(commit("9f21c04", "Retry uploads with backoff (#482)"),),
        ),
        Claim(
            text="`harbor sync --dry-run` shows what would change",
            group=added,
            sources=(commit("77ab310", "sync: add --dry-run (#479)"),),
        ),
        Claim(
            text="Uploads larger than 4 GB no longer stop at the last part",
            group=fixed,
            sources=(
                commit("51cc0e9", "Fix off-by-one in multipart (#475)"),
                commit("0d3f6aa", "Cover 5 GB in the tests (#477)"),
            ),
        ),
    )
    rows = (
        (commit("c0ffee1", "Bump actions/checkout from 4 to 5"), Cell(text="only build files changed")),
        (commit("be11a17", "Tidy imports"), Cell(text="nothing a user would notice")),
    )
    days = tuple(date(2026, 11, day) for day in range(1, 15))
    merged = tuple(float(5 + day % 4) for day in range(14))
    band = {"low": tuple(each - 2 for each in merged), "high": tuple(each + 2 for each in merged)}
    series = (PlotSeries(name="Merged", y=merged, **band), PlotSeries(name="Released", y=merged[::-1], as_="bars"))
    return (
        MarkdownPanel(title="The entry", text=text),
        DiffPanel(title="The exact change to the file", path="CHANGELOG.md", diff=DIFF),
        ClaimsPanel(title="What stands behind each line", claims=claims),
        PlotPanel(title="Changes a day", days=days, series=series, lines=(PlotLine(name="Usual", y=6.5),)),
        TablePanel(title="Left out, and why", columns=("Commit", "Why"), rows=rows, folded=True),
        ComparePanel(
            title="Beside the baseline",
            left_title="Baseline, no model",
            left=BASELINE,
            right_title="This draft, by a model",
            right=text,
        ),
    )


def proposal(ledger: Ledger, run: str = "changelog-harbor-2026-11-23", **changes: object) -> Proposal:
    """A sealed proposal such as the changelog makes."""
    says = "Commit 11 lines to CHANGELOG.md on branch countersign/changelog as Ada Lovelace"
    fields: dict[str, object] = {
        "realm": ledger.realm,
        "workflow": "changelog",
        "version": "1",
        "run": run,
        "revision": 1,
        "title": "Changelog of acme/harbor since v2.3.0",
        "summary": "4 entries from 23 commits by 5 people. 19 commits were left out, each with its reason.",
        "drafted_by": "model",
        "effects": (Effect(kind="git.commit_file", key=f"{run}/1", says=says, params={"path": "CHANGELOG.md"}),),
        "panels": panels(),
        "checks": (
            Check(name="Citations", passed=True, says="every line cites commits of this range"),
            Check(name="No repeats", passed=True, says="no commit is cited twice"),
            Check(name="Length", passed=True, says="the longest line has 81 characters"),
        ),
        "cost": Cost(
            usd=Decimal("0.0312"), input_tokens=8412, output_tokens=655, model_calls=1, model="claude-sonnet-4-5"
        ),
        "editable": Editable(label="The entry, in Markdown", text=ENTRY),
        "role": "reviewer",
        "created_at": NOW - timedelta(hours=3),
        "expires_at": NOW + timedelta(days=30),
    }
    return Proposal.model_validate(fields | changes).seal()


def run_record(run: str = "changelog-harbor-2026-11-23", **changes: object) -> RunRecord:
    fields: dict[str, object] = {
        "run": run,
        "workflow": "changelog",
        "version": "1",
        "temporal_run_id": "0197-abc",
        "subject": "acme/harbor",
        "state": "waiting",
        "says": "Waiting for a reviewer",
        "started_at": NOW - timedelta(hours=3, minutes=1),
        "cost_usd": "0.0312",
    }
    return RunRecord.model_validate(fields | changes)


STEPS = (
    ("changelog.gather", "Read 23 commits since v2.3.0 in a sandbox", 0.0, 6.4, "ok", 1),
    ("changelog.compose", "Chose 4 of 23 commits for readers", 6.5, 1.3, "ok", 1),
    ("changelog.rewrite", "The provider was overloaded", 7.9, 2.1, "failed", 1),
    ("changelog.rewrite", "claude-sonnet-4-5 worded 4 lines", 11.0, 8.2, "ok", 2),
    ("changelog.propose", "Sealed revision 1", 19.3, 0.2, "ok", 1),
    ("gate.judge", "Ruled on the decision", 10_500.0, 0.05, "ok", 1),
    ("effect.carry_out", "Committed 5d1c2e0 on countersign/changelog", 10_500.2, 0.9, "ok", 1),
)


def add_entries(ledger: Ledger, run: str) -> None:
    """The steps of a run that went well, with one retry and a wait of almost three hours."""
    start = NOW - timedelta(hours=3)
    for number, (name, says, at, lasts, outcome, attempt) in enumerate(STEPS):
        began = start + timedelta(seconds=at)
        fields = {
            "key": f"{run}/{number}",
            "kind": "activity",
            "name": name,
            "says": says,
            "run": run,
            "workflow": "changelog",
            "outcome": outcome,
            "started_at": began,
            "finished_at": began + timedelta(seconds=lasts),
            "attempt": attempt,
            "facts": {"commits": 23},
        }
        ledger.append(Entry.model_validate(fields))
