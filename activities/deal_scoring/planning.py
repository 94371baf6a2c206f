"""Which actions fit into each person's day, so that no other choice is worth more. By HiGHS, exactly.

Each action takes its hours and is worth the deal's expected value times the strength of its play. For each person,
hours and the number of actions are bounded: a knapsack, solved as a mixed integer programme to a gap of nothing.
"""

from collections.abc import Sequence
from decimal import Decimal

from contracts.deals import RankedDeal, RepPlan
from contracts.methodology import Methodology

SECONDS = 10.0
NOBODY = "nobody"
LEAST = 1e-6  # what an action for a deal without a value counts: it fills hours that nothing else wants


def plans(deals: Sequence[RankedDeal], methodology: Methodology) -> tuple[RepPlan, ...]:
    """The plan of each person who has an action, in order of names. `deals` are in order of the list."""
    by_person: dict[str, list[RankedDeal]] = {}
    for deal in deals:
        if deal.action is not None:
            by_person.setdefault(deal.action.owner or NOBODY, []).append(deal)
    return tuple(_plan(person, by_person[person], methodology) for person in sorted(by_person))


def worth(deal: RankedDeal) -> float:
    """What the deal's action is worth for the plan."""
    strength = deal.action.strength if deal.action else 0.0
    return max(float(deal.expected) * strength, LEAST * strength)


def _plan(person: str, deals: Sequence[RankedDeal], methodology: Methodology) -> RepPlan:
    member = methodology.member(person)
    hours = 0.0 if person == NOBODY else member.hours if member else methodology.hours
    took = [each.action.hours for each in deals if each.action]
    chosen, exact = best([worth(each) for each in deals], took, hours, methodology.most_a_day)
    picked = [deals[at] for at in chosen]
    return RepPlan(
        rep=person,
        hours=hours,
        used=round(sum(took[at] for at in chosen), 4),
        deals=tuple(each.id for each in picked),
        worth=Decimal(str(round(sum(map(worth, picked)), 2))),
        waiting=tuple(each.id for at, each in enumerate(deals) if at not in set(chosen)),
        exact=exact,
    )


def best(values: Sequence[float], hours: Sequence[float], available: float, most: int) -> tuple[list[int], bool]:
    """Which to take, in order, and whether that was proved to be the best. `values` above 0, `hours` above 0."""
    if sum(hours) <= available and len(hours) <= most:
        return list(range(len(hours))), True
    if not any(each <= available for each in hours):
        return [], True
    some = _worth_a_look(values, hours, available, most)
    if len(some) < len(values):
        chosen, exact = best([values[at] for at in some], [hours[at] for at in some], available, most)
        return [some[at] for at in chosen], exact
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp

    scale = max(values)
    within = LinearConstraint(np.array([hours, [1.0] * len(hours)]), ub=np.array([available + 1e-9, float(most)]))
    found = milp(
        c=-np.array(values) / scale,
        integrality=np.ones(len(values), dtype=np.int64),
        bounds=Bounds(0, 1),
        constraints=within,
        options={"time_limit": SECONDS, "mip_rel_gap": 0.0},
    )
    if found.x is None:
        return [], False
    return [at for at, share in enumerate(found.x) if share > 0.5], found.status == 0


def _worth_a_look(values: Sequence[float], hours: Sequence[float], available: float, most: int) -> list[int]:
    """Of those that take equally long the best ones, as many as may fit: no choice is worth more with another."""
    alike: dict[float, list[int]] = {}
    for at in sorted(range(len(values)), key=lambda at: (-values[at], at)):
        alike.setdefault(hours[at], []).append(at)
    fits = {took: min(most, int(available / took + 1e-9)) for took in alike}
    return sorted(at for took, places in alike.items() for at in places[: fits[took]])
