"""What reviewers asked for in words: queues of single tickets, and what only a model can act on."""

import re
from collections.abc import Sequence

from contracts.support import Case

_ASKED = re.compile(r"\s*(?:ticket\s+)?(\S+?)\s*(?::|->|→)\s*(.{1,80}?)\s*[.;]?\s*", re.IGNORECASE)


def asked_for(case: Case, words: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Queues by ticket (`1042: Billing`), and the lines that say something else."""
    ids, wanted, unheard = {each.ticket.id for each in case.items}, dict[str, str](), list[str]()
    for line in (line for said in words for line in re.split(r"[\n;]", said) if line.strip()):
        found = _ASKED.fullmatch(line)
        if found and found[1].lstrip("#") in ids:
            wanted[found[1].lstrip("#")] = " ".join(found[2].split())
        else:
            unheard.append(line.strip()[:500])
    return wanted, tuple(unheard)


def not_understood(unheard: Sequence[str], *, is_worded: bool) -> str:
    """An answer to what the baseline can't act on. A model reads all of it, for the answers that it words."""
    told = "; ".join(f"“{each[:100]}”" for each in unheard)
    if not told:
        return ""
    if is_worded:
        return f"For its answers the model was told {told}."
    return f"The baseline can't act on {told}: write `ticket: queue`."
