"""The page of a backtest: reachable from what it is about, drawn, and closed to other teams."""

from contracts.backtest import BacktestReport
from contracts.plots import PlotPanel, PlotSeries
from contracts.proposal import Cell, TablePanel
from contracts.records import Person
from ledger import Ledger
from tests.console.conftest import Visitor
from tests.console.samples import proposal, run_record

TITLE = "The list's deals brought more than those the team worked on."


def one_of_each_team(ledger: Ledger) -> None:
    for team in ("sales", "west"):
        changes = {"workflow": "deal_scoring", "team": team, "subject": f"crm-{team}"}
        ledger.start_run(run_record(team).model_copy(update=changes))
        plot = PlotPanel(title="Weeks", series=(PlotSeries(name="The list", y=(1.0, 2.0)),), x=(1.0, 2.0))
        table = TablePanel(title="Missed", columns=("Deal",), rows=((Cell(text="<b>Acme</b>"),),))
        report = BacktestReport(title=TITLE, summary=f"Over 13 weeks of {team}.", panels=(plot, table))
        ledger.store_backtest(team, f"crm-{team}", "2026-06-01", report)


async def test_from_the_workflow_the_run_and_the_proposal_one_comes_to_the_page(ada: Visitor, ledger: Ledger) -> None:
    one_of_each_team(ledger)
    later = run_record("later").model_copy(update={"workflow": "deal_scoring", "team": "sales", "subject": "crm-sales"})
    ledger.start_run(later)
    sample = proposal(ledger, run="later")
    ledger.store_proposal(sample)
    assert 'href="/backtests?workflow=deal_scoring"' in (await ada.http.get("/workflows")).text
    for url in ("/backtests", "/backtests?workflow=deal_scoring", f"/proposals/{sample.id}", "/runs/later"):
        assert 'href="/backtests/sales"' in (await ada.http.get(url)).text, url
    page = (await ada.http.get("/backtests/sales")).text
    assert "Over 13 weeks of sales." in page
    assert "<svg" in page
    assert "&lt;b&gt;Acme" in page
    assert (await ada.http.get("/backtests?workflow=changelog")).text.count("There is none yet") == 1
    missing = await ada.http.get("/backtests/nothing")
    assert (missing.status_code, "made no backtest" in missing.text) == (404, True)


async def test_another_teams_is_not_there(stranger: Visitor, ledger: Ledger) -> None:
    one_of_each_team(ledger)
    ledger.enrol(Person(name="pat", display_name="Pat", roles=("sales:viewer",)))
    await stranger.sign_in("pat")
    assert "crm-west" not in (await stranger.http.get("/backtests")).text
    assert (await stranger.http.get("/backtests/sales")).status_code == 200
    assert (await stranger.http.get("/backtests/west")).status_code == 404
