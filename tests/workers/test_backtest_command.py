"""`countersign backtest` shows what the ledger keeps."""

from datetime import UTC, datetime
from pathlib import Path

import typer
from typer.testing import CliRunner

from contracts.backtest import BacktestReport
from contracts.errors import NotFound
from contracts.proposal import Cell, TablePanel
from contracts.records import RunRecord
from ledger import FolderArtifacts, Ledger
from workers.cli import backtests


def test_the_newest_is_shown_and_none_is_said_with_the_way_to_one(tmp_path: Path) -> None:
    app = typer.Typer()
    backtests.register(app)
    env = {"COUNTERSIGN_STATE": str(tmp_path), "COLUMNS": "200", "NO_COLOR": "1"}
    nothing = CliRunner().invoke(app, [], env=env)
    assert isinstance(nothing.exception, NotFound)
    assert "countersign run deal_scoring" in nothing.exception.way_out
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", FolderArtifacts(tmp_path / "artifacts")) as ledger:
        for run in ("r-1", "r-2"):
            ledger.start_run(RunRecord(run=run, workflow="deal_scoring", started_at=datetime.now(UTC)))
            table = TablePanel(title="Both", columns=("", "The list"), rows=((Cell(text="Slots"), Cell(text="217")),))
            report = BacktestReport(title=f"Within noise, says {run}.", summary="Over 13 weeks.", panels=(table,))
            ledger.store_backtest(run, "crm", "2026-06-01", report)
    for words, run in ((["deal_scoring", "--source", "crm"], "r-2"), (["--run", "r-1"], "r-1")):
        told = CliRunner().invoke(app, words, env=env).output
        for part in (f"Within noise, says {run}.", "Over 13 weeks.", f"by {run}", "Both", "217"):
            assert part in told
