"""A proposal in the terminal: what would happen first, then the proof, then the bulk."""

import difflib
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.markup import escape
from rich.panel import Panel as Box
from rich.table import Table
from rich.text import Text

from contracts.proposal import (
    ClaimsPanel,
    ComparePanel,
    DiffPanel,
    MarkdownPanel,
    Panel,
    PlotPanel,
    Proposal,
    TablePanel,
)
from contracts.requirements import Progress
from workers.cli.screen import Diff

MOST_ROWS = 15
MOST_BLOCKS = 40
BLOCKS = "▁▂▃▄▅▆▇█"
TONES = {"": "", "good": "green", "bad": "bold red"}


def print_proposal(console: Console, proposal: Proposal, *, full: bool = True) -> None:
    """Print all panels, or (`full=False`) only the intent, the checks and the first two panels."""
    console.print(header(proposal))
    for panel in proposal.panels if full else proposal.panels[:2]:
        console.print(Text(panel.title, style="bold underline"))
        console.print(rendered(panel), crop=False)
        console.print()


def print_standing(console: Console, proposal: Proposal, progress: Progress) -> None:
    """What has to be approved by whom, how far it is, and with whom it will be if nobody decides."""
    for each in progress.of:
        rule = f"{each.requirement.rule}: " if each.requirement.rule else ""
        console.print(Text(f"{rule}{each.says}", style="bold"))
        for line in each.lines:
            console.print(Text(f"  {line}"))
    for step in proposal.escalations:
        may = ", who may decide then" if step.may_decide else ""
        console.print(Text(f"From {step.at:%Y-%m-%d %H:%M} UTC on it is with {step.whom}, too{may}."))


def print_changes(console: Console, before: Proposal, after: Proposal) -> None:
    """What a revision changed: in what happens, and in the text."""
    texts = [(each.editable.text if each.editable else "") for each in (before, after)]
    pairs = {"What happens": (before.effects_text, after.effects_text), "The text": (texts[0], texts[1])}
    for title, (old, new) in pairs.items():
        lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=3)
        if diff := "\n".join(lines):
            console.print(Text(f"{title}: changed since revision {before.revision}", style="bold underline"))
            console.print(Diff(diff), crop=False)


def header(proposal: Proposal) -> RenderableType:
    lines = [
        f"[bold]{escape(proposal.title)}[/bold]",
        escape(proposal.summary),
        "",
        *on_approval(proposal),
        f"Drafted by    {drafted(proposal)}",
        f"Cost          {cost(proposal)}",
        *(f"Tried         {escape(one.says)}" for one in proposal.cost.tried),
        *([f"Started by    {escape(proposal.started_by.says)}"] if proposal.started_by else []),
        f"Digest        {proposal.digest}",
    ]
    checks = [
        f"{'[green]✓[/green]' if each.passed else '[red]✗[/red]'} {escape(each.says)}" for each in proposal.checks
    ]
    return Box("\n".join([*lines, *([""] if checks else []), *checks]), border_style="blue", title=proposal.id)


def on_approval(proposal: Proposal) -> list[str]:
    """What would happen. Effects have numbers where there is a use for one: `countersign approve ID --drop NUMBER`, or
    `--set NUMBER.PARAM=VALUE` with one of the parameters that are named."""
    if len(proposal.effects) < 2 and not any(each.editable for each in proposal.effects):
        return [f"On approval   {escape(proposal.button())}"]
    may = [f" [dim](may be set: {escape(', '.join(each.editable))})[/dim]" for each in proposal.effects]
    alike = len(proposal.effects) > 1 and len(set(may)) == 1
    said = []
    for number, each in enumerate(proposal.effects, 1):
        own = may[number - 1] if each.editable and not alike else ""
        said.append(f"{number}. {escape(each.says)}{own}")
    if alike and proposal.effects[0].editable:
        said.append(f"[dim]of each may be set: {escape(', '.join(proposal.effects[0].editable))}[/dim]")
    return [f"{'On approval' if number == 0 else '':<13} {line}" for number, line in enumerate(said)]


def drafted(proposal: Proposal) -> str:
    """Who made the draft, in words."""
    who = f"{proposal.edited_by}, editing" if proposal.edited_by else f"the {proposal.drafted_by}"
    return escape(f"{who}. {proposal.fallback}" if proposal.fallback else who)


def cost(proposal: Proposal) -> str:
    """Money and tokens in words. An unknown price is said to be unknown."""
    spent = proposal.cost
    if spent.model_calls == 0:
        return "$0, no model was called"
    usd = "unknown price" if spent.usd is None else f"${spent.usd}"
    return f"{usd}, {spent.input_tokens:,} tokens in, {spent.output_tokens:,} out, {spent.model}"


def rendered(panel: Panel) -> RenderableType:
    """A panel for the terminal. Text from outside is never read as markup."""
    if isinstance(panel, MarkdownPanel):
        return Markdown(panel.text, hyperlinks=False)
    if isinstance(panel, DiffPanel):
        return Diff(panel.diff)
    if isinstance(panel, ClaimsPanel):
        return Group(*(claim_line(panel, index) for index in range(len(panel.claims))))
    if isinstance(panel, ComparePanel):
        return Group(*(Box(Text(text), title=Text(title)) for title, text in sides(panel)))
    return plot(panel) if isinstance(panel, PlotPanel) else table(panel)


def plot(panel: PlotPanel) -> RenderableType:
    """Each series as a row of blocks, between its smallest and its largest value."""
    below = (str(panel.days[0]), str(panel.days[-1])) if panel.days else (f"{panel.x[0]:g}", f"{panel.x[-1]:g}")
    grid = Table("", "from", "", "to", "", box=None, header_style="dim")
    for each in panel.series:
        low, high = each.ends
        cells = (each.name, f"{each.y[0]:,.6g}", blocks(each.y), f"{each.y[-1]:,.6g}", f"{low:,.6g} to {high:,.6g}")
        grid.add_row(*map(Text, cells))
    for line in panel.lines:
        grid.add_row(Text(line.name), Text(f"{line.y:,.6g}"))
    under = f"{below[0]} to {below[1]}{f', in {panel.unit}' if panel.unit else ''}. {panel.note}"
    return Group(grid, Text(under, style="dim"))


def blocks(values: Sequence[float]) -> str:
    """Values as a row of blocks, at most `MOST_BLOCKS` of them: `▁▃█`."""
    every = max(1, -(-len(values) // MOST_BLOCKS))
    kept = values[::every]
    low, high = min(kept), max(kept)
    return "".join(BLOCKS[round((value - low) / ((high - low) or 1) * (len(BLOCKS) - 1))] for value in kept)


def sides(panel: ComparePanel) -> tuple[tuple[str, str], tuple[str, str]]:
    return (panel.left_title, panel.left), (panel.right_title, panel.right)


def claim_line(panel: ClaimsPanel, index: int) -> Text:
    claim = panel.claims[index]
    line = Text(f"• {claim.group + ': ' if claim.group else ''}{claim.text}")
    line.append("\n    " + ", ".join(source.text for source in claim.sources), style="dim")
    return line


def table(panel: TablePanel) -> RenderableType:
    grid = Table(*map(escape, panel.columns), box=None, header_style="dim")
    for row in panel.rows[:MOST_ROWS]:
        grid.add_row(*(Text(cell.text, style=TONES[cell.tone]) for cell in row))
    more = len(panel.rows) - MOST_ROWS
    note = " ".join(filter(None, [panel.note, f"{more} more in the console." if more > 0 else ""]))
    return Group(grid, Text(note, style="dim"))
