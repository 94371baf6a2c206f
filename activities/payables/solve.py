"""The program of an account, solved by HiGHS to a proved gap.

Thousands of invoices make a program whose linear relaxation is nearly whole: of 5,000 invoices it splits about fifty.
HiGHS alone takes long to round those, so it is asked in stages. The relaxation bounds the costs from below; then a
program of only the options that the relaxation nearly took gives a schedule, with more of them each time, until costs
and bound are as close as was asked for. The last stage has every option that could be in a better schedule (its reduced
cost is less than what is left between the two), so given time the answer is exact.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from threadpoolctl import threadpool_limits

from activities.payables.options import Option
from activities.payables.program import Floats, Program

Chosen = NDArray[np.bool_]

CORES = (0, 250, 1000)  # options besides those that the relaxation took
WHOLE = 1e-6  # what counts as nothing in a relaxation
LEAST = 1.0  # of 100,000: costs below this are compared with this, so that none is divided by nothing
UNFOUND, PATIENCE, ROUGH = 0.5, 20.0, 0.05  # while there is no schedule: seconds for a stage, for the last, and its gap
NO_SUCH = 2  # what HiGHS says of a program that has no solution
NODES, MANY = 5_000, 10**9  # of the solver's tree, for a stage; and for the last, while there is no schedule
SMALL = 300  # options of a program that needs no stages


@dataclass(frozen=True, slots=True)
class _Limits:
    """When a stage ends: this close to the bound, after so long, or with so much of the tree looked at."""

    gap: float
    seconds: float
    nodes: int


@dataclass(frozen=True, slots=True)
class Solved:
    """`options` in the order of the choices. `gap` is proved. `lacking` is what an elastic floor or line lacked."""

    options: tuple[Option, ...]
    drawn: Floats
    gap: float
    lacking: float = 0.0


@dataclass(frozen=True, slots=True)
class _Relaxed:
    """The linear relaxation: what it costs, what it took, and what more each option would cost."""

    cost: float
    taken: Floats
    reduced: Floats


@dataclass(slots=True)
class _Best:
    """The best so far, and the proved bound below it."""

    bound: float
    x: Floats | None = None
    cost: float = np.inf

    @property
    def gap(self) -> float:
        return max(0.0, self.cost - self.bound) / max(abs(self.cost), LEAST)


def solve(program: Program, *, gap: float, seconds: float, nodes: int = NODES) -> Solved | None:
    """The best schedule found. None: there is none, or none was found long after `seconds`."""
    until = time.monotonic() + seconds
    with threadpool_limits(1):
        relaxed = _relaxed(program)
        if relaxed is None:
            return None
        none = True
        best = _Best(relaxed.cost)
        for allowed, exact, share in _stages(program, relaxed, best):
            left = until - time.monotonic()
            if best.gap <= gap or (left <= 0 and best.x is not None):
                break
            least = 0.05 if best.x is not None else UNFOUND
            limits = _Limits(gap / 2, max(left * share, least), nodes)
            none = _stage(program, allowed, best, limits, exact=exact)
        if best.x is None and not none:
            # A busy machine must not make a schedule that there is look like none.
            _stage(program, allowed, best, _Limits(ROUGH, max(PATIENCE, seconds), MANY), exact=exact)
    if best.x is None:
        return None
    options, drawn, lacking = program.read(best.x)
    return Solved(options, drawn, best.gap, lacking)


def _relaxed(program: Program) -> _Relaxed | None:
    rows, bounds = program.rows(), program.bounds()
    found = linprog(  # type: ignore[call-overload]  # the stubs know no sparse rows
        program.costs(),
        A_eq=rows.equal,
        b_eq=rows.equals,
        A_ub=rows.most,
        b_ub=rows.below,
        bounds=np.column_stack([bounds.lb, bounds.ub]),
        method="highs-ds",
    )
    if found.x is None:
        return None
    reduced = (found.lower.marginals + found.upper.marginals)[: program.taken]
    return _Relaxed(float(found.fun), found.x[: program.taken], np.abs(reduced))


def _stages(program: Program, relaxed: _Relaxed, best: _Best) -> Iterator[tuple[Chosen, bool, float]]:
    """Which options are allowed, whether that proves anything, and the share of the time that is left."""
    took = relaxed.taken > WHOLE
    order = np.argsort(np.where(took, -1.0, relaxed.reduced), kind="stable")
    for size, share in zip(CORES if program.taken > SMALL else (), (0.3, 0.5, 0.5), strict=False):
        allowed = np.zeros(program.taken, dtype=bool)
        allowed[order[: int(took.sum()) + size]] = True
        yield allowed, False, share
    # An option that costs more than what is left between bound and best is in no better schedule.
    yield took | (relaxed.reduced <= best.cost - relaxed.cost + WHOLE), True, 1.0


def _stage(program: Program, allowed: Chosen, best: _Best, limits: "_Limits", *, exact: bool) -> bool:
    """Makes the best better, if it can. Whether it is proved that nothing of what is allowed is a schedule."""
    rows, bounds = program.rows(), program.bounds()
    upper = np.asarray(bounds.ub, dtype=float)
    upper[: program.taken][~allowed] = 0.0
    found = milp(
        program.costs(),
        integrality=np.concatenate([np.ones(program.taken), np.zeros(program.columns - program.taken)]),
        bounds=Bounds(bounds.lb, upper),
        constraints=[
            LinearConstraint(rows.equal, rows.equals, rows.equals),
            LinearConstraint(rows.most, -np.inf, rows.below),
        ],
        options={"mip_rel_gap": limits.gap, "time_limit": limits.seconds, "node_limit": limits.nodes},
    )
    if exact and found.mip_dual_bound is not None and not np.isnan(found.mip_dual_bound):
        # What was left out costs at least as much as the best, so the bound holds for all.
        best.bound = max(best.bound, min(float(found.mip_dual_bound), best.cost))
    if found.x is not None and found.fun < best.cost:
        best.x, best.cost = found.x, float(found.fun)
    return bool(found.status == NO_SUCH)
