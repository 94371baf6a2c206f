"""What a reviewer sees of a fix: intent, approach and proof before the bulk. Pure."""

from collections.abc import Sequence

from contracts.proposal import Cell, DiffPanel, MarkdownPanel, Panel, TablePanel
from contracts.repair import RepairResult
from contracts.shown import words as spelt_out
from contracts.ticket import Proof, ProposeFix, TestRun, Ticket, Try

MOST_ROWS = 60
MOST_WORDS = 3_000


def panels(
    request: ProposeFix, ticket: Ticket, proof: Proof | None, found: RepairResult | None, approach: str
) -> tuple[Panel, ...]:
    """In the order in which a person decides."""
    shown: list[Panel] = [MarkdownPanel(title="What is to be fixed, and how", text=intent(ticket, approach))]
    if proof is not None:
        shown += [*_flags(proof), _proof(proof)]
        shown += [
            DiffPanel(title=f"{file.path} (+{file.added} −{file.removed})", path=file.path, diff=file.diff)
            for file in proof.files
        ]
        shown += _touched(proof)
    shown += [*_tried(request.tries), *_suspects(found)]
    if proof is not None:
        shown += [_output("What the tests said before", proof.before), _output("What they say now", proof.after)]
    return tuple(shown)


def intent(ticket: Ticket, approach: str) -> str:
    """The ticket's words quoted, as what they are: somebody's; then what was done."""
    words = f"{ticket.title}\n\n{ticket.body}"[:MOST_WORDS]
    quoted = "\n".join(f"> {line}" if line.strip() else ">" for line in words.splitlines())
    state = f" ({spelt_out(ticket.state)[:40]})" if ticket.state else ""
    return f"**The ticket** {ticket.key}{state}\n\n{quoted}\n\n**The approach**\n\n{approach}\n"


def _flags(proof: Proof) -> list[Panel]:
    if not proof.flags:
        return []
    rows = tuple(
        (Cell(text="✗ red" if flag.red else "look"), Cell(text=flag.says))
        for flag in sorted(proof.flags, key=lambda flag: not flag.red)
    )
    return [TablePanel(title="Look at this first", columns=("", "What"), rows=rows)]


def _proof(proof: Proof) -> TablePanel:
    new = f"{len(proof.added_fail_before)} of {len(proof.added)} fail on the old code" if proof.added else "none"
    rows = [
        ("Failed before, pass now", _names(proof.fixed), bool(proof.fixed)),
        ("Passed before, fail now", _names(proof.broken), not proof.broken),
        ("Passed before, still pass", _still(proof), not proof.broken),
        ("Failed before, still fail", _names(proof.still), not proof.still),
        ("Gone", _names(proof.gone), not proof.gone),
        ("New tests", new, not proof.added or bool(proof.added_fail_before)),
        ("Lint of the changed files", proof.lint or "nothing to say", proof.lint_ok),
        ("All tests, before", proof.before.says, True),
        ("All tests, now", proof.after.says, proof.after.passed),
    ]
    cells = tuple((Cell(text="✓" if good else "✗"), Cell(text=what), Cell(text=says)) for what, says, good in rows)
    return TablePanel(title="The proof", columns=("", "What", "Measured"), rows=cells)


def _names(tests: Sequence[str]) -> str:
    more = f" and {len(tests) - 8} more" if len(tests) > 8 else ""
    return f"{len(tests)}: {', '.join(tests[:8])}{more}" if tests else "none"


def _still(proof: Proof) -> str:
    old, new = proof.before.tests, proof.after.tests
    count = sum(state == "passed" and new.get(name) == "passed" for name, state in old.items())
    return f"{count:,}" if old else "the command does not name its tests"


def _touched(proof: Proof) -> list[Panel]:
    """Files touched against the places that ticket and tests point at."""
    if not proof.suspects:
        return []
    rows = tuple(
        (
            Cell(text=file.path),
            Cell(text=next((each for each in proof.suspects if each.startswith(f"{file.path}:")), "nothing")),
        )
        for file in proof.files[:MOST_ROWS]
    )
    return [TablePanel(title="What points at the files it touches", columns=("File", "Pointed at by"), rows=rows)]


def _tried(tries: Sequence[Try]) -> list[Panel]:
    if not tries:
        return []
    rows = tuple(
        (
            Cell(text=each.tier),
            Cell(text=each.says),
            Cell(text="the proof holds" if each.held else "the proof does not hold"),
            Cell(text="unknown" if each.cost.usd is None else f"${each.cost.usd:.4f}"),
            Cell(text=f"{each.seconds:.0f} s"),
        )
        for each in tries[:MOST_ROWS]
    )
    columns = ("By", "What was tried", "What came of it", "Cost", "Time")
    return [TablePanel(title="What was tried", columns=columns, rows=rows, folded=len(rows) > 1)]


def _suspects(found: RepairResult | None) -> list[Panel]:
    if found is None or not found.suspects:
        return []
    rows = tuple(
        (Cell(text=f"{each.file}:{each.line}"), Cell(text=each.function), Cell(text="; ".join(each.reasons)))
        for each in found.suspects[:MOST_ROWS]
    )
    title = "Where it is likely to be broken"
    return [TablePanel(title=title, columns=("Place", "Function", "Why"), rows=rows, folded=True)]


def _output(title: str, run: TestRun) -> MarkdownPanel:
    fence = "`" * 8
    said = run.output[-6_000:].replace(fence, "`")
    return MarkdownPanel(title=title, text=f"{fence}text\n$ {' '.join(run.command)}\n{said}\n{fence}\n")
