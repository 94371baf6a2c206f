"""Learns from a history and says how well: fitted on all of it, judged and calibrated on what came later.

    fitted = train(rows, outcomes, times)
    fitted.trained.serves, fitted.trained.why_not, fitted.trained.judged
    fitted.model.score(rows).probability

Pure: the same rows give the same model. Rows are mappings from column names to texts or numbers; nothing is declared.
"""

import hashlib
import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from activities.kept import Kept
from activities.scoring.additive import Additive, Shapes, sigmoid
from activities.scoring.boosting import ROUNDS, Tables, averaged, boosted
from activities.scoring.calibration import platt
from activities.scoring.columns import Codes, Columns, Row
from activities.scoring.judging import judge
from activities.scoring.pairs import pairs
from activities.scoring.sampling import MOST, sampled, says
from contracts.base import Contract
from contracts.errors import BadInput
from contracts.scoring import Judged, Trained

CODE = "additive-2"  # changes when the same rows would give another model
EARLY = (0.6, 0.8)  # shares of the history after which the rest was still to come: what calibrates and judges
ROWS, EACH = 50, 10  # rows, and rows of either outcome, below which there is nothing to learn
GROUPS = 30  # groups, below which their rows, however many, are too few pieces of evidence
CLEARLY = 2.0  # standard errors by which the base rate has to be beaten


@dataclass(frozen=True)
class Effort:
    """How many fits are averaged, on how many resamples the interval stands, and how many trees a fit has."""

    members: int = 4
    resamples: int = 8
    rounds: int = ROUNDS


WHOLE = Effort()

Vector = NDArray[np.float64]
Outcomes = NDArray[np.int64]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Fitted:
    """A certificate, and the model where there was enough to fit one. Serve it only where `trained.serves`."""

    trained: Trained
    model: Additive | None


class _History(NamedTuple):
    """Rows in order of time with what became of them (0 or 1)."""

    rows: Sequence[Row]
    truth: Outcomes
    times: Vector
    groups: Sequence[Hashable]


class _Odds(Contract):
    """Raw log-odds of a stretch of rows: a piece that an attempt keeps for the next."""

    odds: tuple[float, ...]


class _Later(NamedTuple):
    """What models of earlier rows said of a stretch of later ones: raw log-odds, the base rate before, the outcomes."""

    odds: Vector
    base: Vector
    truth: Outcomes
    groups: Sequence[Hashable]


def train(
    rows: Sequence[Row],
    outcomes: Sequence[bool],
    times: Sequence[float],
    *,
    workflow: str = "",
    leave_out: Sequence[str] = (),
    groups: Sequence[Hashable] | None = None,
    most: int = MOST,
    effort: Effort = WHOLE,
    of: str = "rows",
    groups_of: str = "groups",
    say: Say = lambda _: None,
    kept: Kept | None = None,
) -> Fitted:
    """Fit, calibrate and judge. Never raises for what the rows say: too little or only noise is in `trained.why_not`.

    `times` orders the rows by when their outcome was known. `groups`: rows of the same thing are of the same group.
    `leave_out`: columns that aren't known beforehand, such as the outcome itself. `of` and `groups_of`: what a row is,
    and what a group, in plural, for people. `say` is told how far it is. Less `effort` is for tests, and for histories
    learnt from many times. `kept`: what an attempt at the same has fitted already.
    BadInput where the lists have other lengths.
    """
    if not len(rows) == len(outcomes) == len(times) or (groups is not None and len(groups) != len(rows)):
        raise BadInput(
            f"{len(rows):,} rows came with {len(outcomes):,} outcomes and {len(times):,} times.",
            subject="rows",
            way_out="Give one outcome and one time for each row.",
        )
    history = _history(rows, outcomes, times, groups, most)
    columns = Columns.of(history.rows, leave_out)
    trained = _certificate(workflow, digest(rows, outcomes, times, leave_out), len(rows), history, columns)
    if why_not := _too_little(history, columns, of) or _too_few(groups, groups_of):
        return Fitted(trained.model_copy(update={"why_not": why_not}), None)
    pieces = kept or Kept()
    later = [found for place in range(len(EARLY)) if (found := _later(history, leave_out, place, effort, say, pieces))]
    judged = _judged(later)
    model = _fit(columns, history, effort, say, pieces).calibrated(platt(*_pooled(later)))
    why_not = _no_better(judged, of)
    return Fitted(trained.model_copy(update={"judged": judged, "why_not": why_not}), model)


def digest(rows: Sequence[Row], outcomes: Sequence[bool], times: Sequence[float], leave_out: Sequence[str] = ()) -> str:
    """The sha256 of training data: the same rows in the same order give the same one."""
    found = hashlib.sha256(json.dumps([CODE, sorted(leave_out)]).encode())
    for row, outcome, time in zip(rows, outcomes, times, strict=True):
        texts = {str(name): str(value) for name, value in row.items()}
        found.update(json.dumps([texts, bool(outcome), float(time)], sort_keys=True).encode() + b"\n")
    return found.hexdigest()


def _history(
    rows: Sequence[Row],
    outcomes: Sequence[bool],
    times: Sequence[float],
    groups: Sequence[Hashable] | None,
    most: int,
) -> _History:
    places = sampled(times, most)
    return _History(
        rows=[rows[place] for place in places],
        truth=np.array([bool(outcomes[place]) for place in places], np.int64),
        times=np.array([times[place] for place in places], float),
        groups=[place if groups is None else groups[place] for place in places],
    )


def _certificate(workflow: str, data: str, rows: int, history: _History, columns: Columns) -> Trained:
    used = len(history.rows)
    return Trained(
        workflow=workflow,
        data=data,
        code=CODE,
        rows=rows,
        used=used,
        share=float(history.truth.mean()) if used else 0.0,
        first=float(history.times[0]) if used else 0.0,
        last=float(history.times[-1]) if used else 0.0,
        columns=columns.names,
        notes=tuple(note for note in (says(rows, used),) if note),
    )


def _too_little(history: _History, columns: Columns, of: str) -> str:
    rows, ones = len(history.rows), int(history.truth.sum())
    if not rows:
        return f"No {of} with an outcome yet: nothing to learn from."
    if rows < ROWS:
        return f"Only {rows:,} {of} with an outcome, and {ROWS} are needed to learn from."
    if min(ones, rows - ones) < EACH:
        return f"Of {rows:,} {of} with an outcome {ones:,} came true: at least {EACH} of either kind are needed."
    if not columns.all:
        return f"Not predictable from these fields: none of them tells one of the {of} from another."
    return ""


def _too_few(groups: Sequence[Hashable] | None, of: str) -> str:
    count = 0 if groups is None else len(set(groups))
    if groups is None or count >= GROUPS:
        return ""
    return f"Only {count:,} {of} with an outcome, and {GROUPS} are needed to learn from."


def _later(
    history: _History, leave_out: Sequence[str], place: int, effort: Effort, say: Say, kept: Kept
) -> _Later | None:
    """Fit on what was known at a share of the history, and score the stretch after it."""
    ends = (*EARLY, 1.0)
    start, stop = _cut(history.times, ends[place]), _cut(history.times, ends[place + 1])
    before, after = _part(history, 0, start), _part(history, start, stop)
    columns = Columns.of(before.rows, leave_out)
    if len(set(before.truth.tolist())) < 2 or not len(after.rows) or not columns.all:
        return None
    say(f"judging on later rows ({place + 1} of {len(EARLY)}): learning from {start:,}")

    def judging() -> _Odds:
        return _Odds(odds=tuple(_fitted(columns, before, effort).odds(columns.codes(after.rows)).tolist()))

    odds = np.array(kept.piece(f"{CODE}-judging-{place}", _Odds, judging).odds)
    return _Later(odds, np.full(len(after.rows), before.truth.mean()), after.truth, after.groups)


def _cut(times: Vector, share: float) -> int:
    """The place of a share of the rows; rows of one moment aren't parted, unless there is only one."""
    place = int(len(times) * share)
    if place >= len(times) or times[0] == times[-1]:
        return place
    first = int(np.searchsorted(times, times[place], side="left"))
    return first or int(np.searchsorted(times, times[place], side="right"))


def _part(history: _History, start: int, stop: int) -> _History:
    cut = slice(start, stop)
    return _History(history.rows[cut], history.truth[cut], history.times[cut], history.groups[cut])


def _judged(later: Sequence[_Later]) -> Judged | None:
    """Each stretch with the calibration that the ones before it gave, as it would have been served."""
    said = []
    for place, each in enumerate(later):
        slope, shift = platt(*_pooled(later[:place]))
        said.append(sigmoid(slope * each.odds + shift))
    if not said:
        return None
    groups = [group for each in later for group in each.groups]
    base, truth = (np.concatenate([part[at] for part in later]) for at in (1, 2))
    return judge(np.concatenate(said), base, truth, groups)


def _pooled(later: Sequence[_Later]) -> tuple[Vector, Outcomes]:
    if not later:
        return np.zeros(0), np.zeros(0, np.int64)
    return np.concatenate([each.odds for each in later]), np.concatenate([each.truth for each in later])


def _no_better(judged: Judged | None, of: str) -> str:
    if judged is None:
        return f"Not predictable from these fields: there are no later {of} to judge a model on."
    if judged.better > CLEARLY * judged.error:
        return ""
    return (
        f"Not predictable from these fields: on {judged.rows:,} later {of} a model's error was {judged.brier:.4f}, and"
        f" {judged.base_brier:.4f} for saying the same of all of them. The difference is within chance."
    )


def _fit(columns: Columns, history: _History, effort: Effort, say: Say, kept: Kept) -> Additive:
    say(f"learning from {len(history.rows):,}")
    codes = columns.codes(history.rows)
    shapes = kept.piece(f"{CODE}-shapes", Shapes, lambda: _fitted(columns, history, effort, codes))
    random, others = np.random.default_rng(0), []

    def resampled(drawn: NDArray[np.int64]) -> Shapes:
        tables = boosted(columns, codes[drawn], history.truth[drawn], 0, effort.rounds)
        return _paired(columns, codes[drawn], history.truth[drawn], tables)

    for again in range(effort.resamples):
        say(f"how sure it is ({again + 1} of {effort.resamples})")
        drawn = _resample(random, history.truth)
        others.append(kept.piece(f"{CODE}-resample-{again}", Shapes, partial(resampled, drawn)))
    return Additive(columns=columns, shapes=shapes, resamples=tuple(others))


def _fitted(columns: Columns, history: _History, effort: Effort, codes: Codes | None = None) -> Shapes:
    codes = columns.codes(history.rows) if codes is None else codes
    tables = averaged([boosted(columns, codes, history.truth, seed, effort.rounds) for seed in range(effort.members)])
    return _paired(columns, codes, history.truth, tables)


def _paired(columns: Columns, codes: Codes, truth: Outcomes, tables: Tables) -> Shapes:
    """With what pairs of columns say beyond the tables."""
    alone = Shapes(start=tables.start, adds=tables.adds)
    middle, found = pairs(columns, codes, truth, alone.each(codes), alone.start)
    return Shapes(start=alone.start + middle, adds=alone.adds, pairs=tuple(found))


def _resample(random: np.random.Generator, truth: Outcomes) -> NDArray[np.int64]:
    """Places drawn with repeats, of either outcome as many as there are."""
    drawn = [random.choice(np.flatnonzero(truth == outcome), (truth == outcome).sum()) for outcome in (0, 1)]
    return np.concatenate(drawn).astype(np.int64)
