"""`countersign backtest`: how what a workflow proposes would have done against what people did."""

from typing import Annotated

import typer
from rich.text import Text

from contracts.errors import NotFound
from workers.cli.common import opened_ledger, out
from workers.cli.show import rendered


def register(app: typer.Typer) -> None:
    app.command("backtest")(backtest)


def backtest(
    workflow: Annotated[str, typer.Argument(help="Of which workflow.")] = "deal_scoring",
    source: Annotated[str, typer.Option(help="Of this source only, as the run was given it.")] = "",
    run: Annotated[str, typer.Option(help="The one that this run made; else the newest.")] = "",
) -> None:
    """Show how last quarter's list would have done against what the team did.

    The first run of each week makes it, and the ledger keeps it; nothing is computed here.
    """
    with opened_ledger() as (_, ledger):
        newest = ledger.backtests(workflow=workflow, source=source, run=run, limit=1)
        if not newest:
            raise NotFound(
                f"There is no backtest of {source or run or workflow!r}.",
                subject=workflow,
                way_out=f"The first run of a week makes one: `countersign run {workflow} --source …`.",
            )
        record, report = ledger.backtest(newest[0].run)
    out.print(Text(report.title, style="bold"))
    out.print(Text(report.summary))
    out.print(Text(f"Of {record.source}, made {record.made_at:%Y-%m-%d %H:%M} UTC by {record.run}.", style="dim"))
    for panel in report.panels:
        out.print()
        out.print(Text(panel.title, style="bold underline"))
        out.print(rendered(panel), crop=False)
