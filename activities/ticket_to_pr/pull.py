"""The words of a pull request: the ticket, the proof in short, and who made it.

People's words and names of files and tests stand as code: there nobody is mentioned, nothing is linked, and no issue
is closed by them.
"""

import re
from collections.abc import Sequence

from activities.changelog.render import plain
from activities.ticket_to_pr.testing import as_a_whole
from activities.tickets.named import is_elsewhere
from contracts.ticket import Proof, ProposeFix, Ticket

MOST = 8


def title(ticket: Ticket) -> str:
    return plain(f"Fix {ticket.title}", 120)


def text(request: ProposeFix, ticket: Ticket, proof: Proof) -> str:
    """Markdown, the same for the same request."""
    by = "a model" if request.drafted_by == "model" else "a search of small edits, without a model"
    red = [f"- **Look at this first:** {code(flag.says)}" for flag in proof.flags if flag.red]
    new = f"{len(proof.added)}, of which {len(proof.added_fail_before)} fail on the old code" if proof.added else "none"
    lines = [
        f"Ticket: {link(request, ticket)}, {code(ticket.title)}",
        "",
        *red,
        f"- Failed before, pass now: {names(proof.fixed) if proof.fixed else as_a_whole(proof) or 'none'}",
        f"- Passed before, fail now: {names(proof.broken)}",
        f"- New tests: {new}",
        f"- All tests, now: {code(proof.after.says)}",
        f"- Changes {len(proof.files)} file{'s' * (len(proof.files) != 1)}, made by {by}, signed by a person.",
    ]
    return "\n".join(lines)


def link(request: ProposeFix, ticket: Ticket) -> str:
    """The ticket's address, where its service has it; a file may say anything."""
    is_plain = re.fullmatch(r"https://[A-Za-z0-9._:/-]{1,300}", ticket.url)
    return ticket.url if is_plain and is_elsewhere(request.request.ticket) else code(ticket.key)


def names(tests: Sequence[str]) -> str:
    more = f" and {len(tests) - MOST} more" if len(tests) > MOST else ""
    return f"{', '.join(map(code, tests[:MOST]))}{more}" if tests else "none"


def code(text: str) -> str:
    """Words as they are, which nothing is made of."""
    return f"`{plain(text, 200).replace('`', chr(39)) or ' '}`"
