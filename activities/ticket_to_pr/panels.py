"""What a reviewer sees of a fix: intent, approach and proof before the bulk. Pure."""

from collections.abc import Sequence

from activities.changelog.render import plain
from activities.ticket_to_pr.testing import as_a_whole
from contracts.install import Packages
from contracts.proposal import Cell, DiffPanel, MarkdownPanel, Panel, TablePanel
from contracts.repair import RepairResult
from contracts.shown import words as spelt_out
from contracts.ticket import Proof, ProposeFix, TestRun, Ticket, Try

MOST_ROWS = 60
MOST_PACKAGES = 300
MOST_WORDS = 3_000
UNNAMED = "the command does not name its tests"


def panels(
    request: ProposeFix,
    ticket: Ticket,
    proof: Proof | None,
    found: RepairResult | None,
    approach: str,
    packages: Packages | None = None,
    news: Sequence[Panel] = (),
) -> tuple[Panel, ...]:
    """In the order in which a person decides: warnings, the verdict, the change, why; the rest is folded."""
    words = MarkdownPanel(title="The ticket, and what was done", text=intent(ticket, approach))
    if proof is None:
        return (words, *_tried(request.tries), *_suspects(found), *_installed(request.not_installed, packages))
    return (
        *_flags(proof),
        _proof(proof),
        *news,
        *(
            DiffPanel(title=f"{file.path} (+{file.added} −{file.removed})", path=file.path, diff=file.diff)
            for file in proof.files
        ),
        words,
        *_tried(request.tries),
        *(_others(found) if request.drafted_by == "baseline" else []),
        _measured(proof),
        *_touched(proof),
        *_suspects(found),
        *_installed(request.not_installed, packages),
        _output("What the tests said before", proof.before),
        _output("What they say now", proof.after),
    )


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
        (Cell(text="✗ red", tone="bad") if flag.red else Cell(text="look"), _said(flag.says, good=not flag.red))
        for flag in sorted(proof.flags, key=lambda flag: not flag.red)
    )
    return [TablePanel(title="Look at this first", columns=("", "What"), rows=rows)]


def _proof(proof: Proof) -> TablePanel:
    """The verdict: what decides, in four rows."""
    fixed = (*proof.fixed, *proof.added_fail_before)
    harm = (*proof.broken, *proof.gone)
    harmed = _names(harm) if harm or not proof.command_broken else "the tests as a whole"
    return _rows(
        "The proof",
        [
            ("Failed before, pass now", _names(fixed) if fixed else as_a_whole(proof) or "none", proof.was_red),
            ("Passed before, fail now or gone", harmed, not harm and not proof.command_broken),
            ("All tests, before", proof.before.says, True),
            ("All tests, now", proof.after.says, proof.after.passed),
        ],
    )


def _measured(proof: Proof) -> TablePanel:
    """The rest of what was measured."""
    rows = [
        ("Passed before, fail now", _names(proof.broken), not proof.broken),
        ("Passed before, still pass", _still(proof), not proof.broken),
        ("Failed before, still fail", _names(proof.still), not proof.still),
        ("Gone", _names(proof.gone), not proof.gone),
        ("New tests", _new(proof), not proof.added or bool(proof.added_fail_before)),
        ("Lint of the changed files", proof.lint or "nothing to say", proof.lint_ok),
    ]
    return _rows("What else was measured", rows, folded=all(good for *_, good in rows))


def _new(proof: Proof) -> str:
    if proof.added:
        return f"{len(proof.added_fail_before)} of {len(proof.added)} fail on the old code"
    if proof.old_fails:
        return "the old code fails with the tests as they are now, and passes without their change"
    return "none" if proof.after.tests else UNNAMED


def _rows(title: str, rows: Sequence[tuple[str, str, bool]], *, folded: bool = False) -> TablePanel:
    cells = tuple((_tick(good), Cell(text=what), _said(says, good=good)) for what, says, good in rows)
    return TablePanel(title=title, columns=("", "What", "Measured"), rows=cells, folded=folded)


def _tick(good: bool) -> Cell:
    return Cell(text="✓", tone="good") if good else Cell(text="✗", tone="bad")


def _said(says: str, *, good: bool) -> Cell:
    return Cell(text=says, tone="" if good else "bad")


def _names(tests: Sequence[str]) -> str:
    more = f" and {len(tests) - 8} more" if len(tests) > 8 else ""
    return f"{len(tests)}: {', '.join(tests[:8])}{more}" if tests else "none"


def _still(proof: Proof) -> str:
    old, new = proof.before.tests, proof.after.tests
    count = sum(state == "passed" and new.get(name) == "passed" for name, state in old.items())
    return f"{count:,}" if old else UNNAMED


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
    title = "What points at the files it touches"
    return [TablePanel(title=title, columns=("File", "Pointed at by"), rows=rows, folded=True)]


def _tried(tries: Sequence[Try]) -> list[Panel]:
    if not tries:
        return []
    rows = tuple(
        (
            Cell(text=each.tier),
            Cell(text=each.says),
            Cell(text="the proof holds" if each.held else "the proof does not hold"),
            Cell(text=f"{_usd(each)}, {each.seconds:.0f} s"),
        )
        for each in tries[:MOST_ROWS]
    )
    columns = ("By", "What was tried", "What came of it", "Spent")
    return [TablePanel(title="What was tried", columns=columns, rows=rows)]


def _usd(each: Try) -> str:
    usd = each.cost.usd
    return "unknown" if usd is None else f"${usd:.4f}" if usd else "$0"


def _others(found: RepairResult | None) -> list[Panel]:
    """What else would make the tests pass: a reviewer may know that it is what was meant."""
    others = found.candidates[1:] if found is not None else ()
    if not others:
        return []
    rows = tuple((Cell(text=f"{each.file}:{each.line}"), Cell(text=each.says)) for each in others[:MOST_ROWS])
    title = "Other edits that make the same tests pass"
    return [TablePanel(title=title, columns=("Place", "Edit"), rows=rows, folded=True)]


def _suspects(found: RepairResult | None) -> list[Panel]:
    if found is None or not found.suspects:
        return []
    rows = tuple(
        (Cell(text=f"{each.file}:{each.line}"), Cell(text=each.function), Cell(text="; ".join(each.reasons)))
        for each in found.suspects[:MOST_ROWS]
    )
    title = "Where it is likely to be broken"
    return [TablePanel(title=title, columns=("Place", "Function", "Why"), rows=rows, folded=True)]


def _installed(why_not: str, packages: Packages | None) -> list[Panel]:
    """What the tests could use of what the project asks for."""
    title = "Packages for the tests"
    if why_not or packages is None:
        said = f"{plain(why_not, 400)}. The tests ran with what the machine has."
        return [MarkdownPanel(title=title, text=said)] if why_not else []
    rows = tuple(
        (Cell(text=each.name), Cell(text=each.version), Cell(text=each.hash or "not told"))
        for each in packages.packages[:MOST_PACKAGES]
    )
    more = len(packages.packages) - len(rows)
    named = f"{title}: {packages.says}" + (f", {more:,} of them not shown" if more > 0 else "")
    return [TablePanel(title=named[:200], columns=("Package", "Version", "Hash"), rows=rows, folded=True)]


def _output(title: str, run: TestRun) -> MarkdownPanel:
    fence = "`" * 8
    said = run.output[-6_000:].replace(fence, "`")
    text = f"{fence}text\n$ {' '.join(run.command)}\n{said}\n{fence}\n"
    return MarkdownPanel(title=title, text=text, folded=True)
