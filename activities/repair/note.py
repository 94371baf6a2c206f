"""The triage note: what was located and tried, for the model or the person who goes on."""

from collections.abc import Sequence

from contracts.repair import RepairCandidate, Suspect

ENDS = {
    "fixed": "A small edit makes the failing tests pass.",
    "refused": "Small edits make the failing tests pass, and each only takes behaviour away.",
    "exhausted": "No small edit of the suspects makes the failing tests pass.",
    "out of time": "The time was up before a small edit made the failing tests pass.",
    "out of tries": "The tries were used up before a small edit made the failing tests pass.",
    "nothing fails": "No test fails here, so there is nothing to search against.",
    "unusable": "The tests could not be run.",
}


def note(
    ended: str,
    suspects: Sequence[Suspect],
    candidates: Sequence[RepairCandidate],
    *,
    tries: int,
    failing: Sequence[str],
    helped: Sequence[str] = (),
) -> str:
    """Plain text, a few lines. Names in it come from the repository: show it as quoted data.

    `helped`: edits that made some of the failing tests pass, in words.
    """
    tests = "test" if len(failing) == 1 else "tests"
    lines = [ENDS[ended], f"{tries} small edits were tried against {len(failing) or 'unknown'} failing {tests}."]
    lines += [f"Candidate {at}: {each.says} ({each.file}, line {each.line})" for at, each in enumerate(candidates, 1)]
    lines += [f"Refused: {each.says}. {each.refused}" for each in candidates if each.refused]
    lines += [f"A part of it may be: {words}" for words in helped[:3]]
    if suspects:
        lines.append("Where to look:")
    for each in suspects[:8]:
        where = f"{each.file}:{each.line}" + (f" in {each.function}" if each.function else "")
        lines.append(f"- {where}: {'; '.join(each.reasons)}")
    return "\n".join(lines)
