"""The roles that a console asks for. What a gate asks for is up to the gate: any name will do there.

A role by itself holds everywhere. One of a team, `payments:approver`, counts for what that team's workflows propose.
"""

from collections.abc import Iterable
from typing import Final, Literal

from contracts.records import ADMINISTRATOR
from contracts.requirements import bare, is_agent

VIEWER: Final = "viewer"
REVIEWER: Final = "reviewer"
APPROVER: Final = "approver"
Part = Literal["viewer", "reviewer", "administrator"]  # what a page or a call may need


def parts(roles: Iterable[str]) -> frozenset[Part]:
    """What somebody with these roles may do in the console. An agent may do nothing there, whatever else it is.

    Any role reads. All but `viewer` and `administrator` decide: whether it counts is the gate's rule to say, which asks
    for names of its own. Only `administrator` without a team stops effects, which are everybody's.
    """
    known = frozenset(filter(None, roles))
    if not known or is_agent(known):
        return frozenset()
    found: set[Part] = {"viewer"}
    if any(bare(role) not in (VIEWER, ADMINISTRATOR) for role in known):
        found.add("reviewer")
    if ADMINISTRATOR in known:
        found.add("administrator")
    return frozenset(found)


def teams(roles: Iterable[str]) -> frozenset[str] | None:
    """The teams whose work somebody with these roles reads; None: all of them, by a role that holds everywhere."""
    known = [role.rpartition(":") for role in roles if role]
    return None if any(not colon for _, colon, _ in known) else frozenset(team for team, _, _ in known if team)
