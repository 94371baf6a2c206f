"""Learns from a company's closed deals, as seldom as it may: the same rows give the stored model; for a week the newest
model is used as it is, then it is calibrated anew on what closed since; after a month, or where it drifted, it learns
again.
"""

from collections.abc import Callable
from datetime import date

import numpy as np

from activities.deal_scoring.model import DealModel
from activities.deal_scoring.moments import DAY, Moments, closed_moments
from activities.deal_scoring.scorer import NoModel, Scorer
from activities.kept import Kept
from activities.scoring.calibration import platt
from activities.scoring.judging import judge
from activities.scoring.store import ModelStore, Stored
from activities.scoring.training import CODE, WHOLE, Effort, digest, train
from contracts.deals import Book, DealsTrained
from contracts.scoring import Judged, Trained
from ledger import ArtifactStore

WORKFLOW = "deal_scoring"
AGAIN = 28  # days after which it learns again
WEEK = 7  # days between two calibrations
RECENT = 30  # deals that closed since, below which there is nothing to calibrate on
DRIFTED = 2.0  # standard errors by which the base rate has to be better before a model counts as drifted
Say = Callable[[str], None]


def learn(
    book: Book,
    store: ModelStore,
    *,
    source: str = "",
    effort: Effort = WHOLE,
    say: Say = lambda _: None,
    kept: Kept | None = None,
) -> Stored:
    """The model of the book's closed deals: stored, calibrated anew, or learnt. `kept`: of an earlier attempt."""
    say(f"looking at {len(book.closed):,} closed deals as they were")
    moments = closed_moments(book)
    data = digest(moments.rows, moments.outcomes, moments.times)
    newest = store.newest(source, CODE)
    if newest is not None and newest.trained.data != data and (still := _kept(newest, moments, data, book.today)):
        return still if still is newest else store.put(still)

    def fresh() -> Stored:
        fitted = train(
            moments.rows,
            moments.outcomes,
            moments.times,
            groups=moments.deals,
            workflow=WORKFLOW,
            effort=effort,
            of="looks at closed deals",
            groups_of="closed deals",
            say=say,
            kept=kept,
        )
        return Stored(trained=fitted.trained.noted(*moments.notes), model=fitted.model, scope=source)

    return store.get_or(data, CODE, fresh)


def _kept(newest: Stored, moments: Moments, data: str, today: date) -> Stored | None:
    """The newest model as it is, or calibrated on what closed after what it learnt from; None where it has to learn."""
    model, trained = newest.model, newest.trained
    today_is = (today.toordinal() - date(1970, 1, 1).toordinal()) * DAY
    age, since = today_is - trained.last, today_is - (trained.calibrated or trained.last)
    if model is None or not trained.serves or not 0 <= age <= AGAIN * DAY:
        return None
    later = [place for place, time in enumerate(moments.times) if time > trained.last]
    if since < WEEK * DAY or len({moments.deals[place] for place in later}) < RECENT:
        return newest
    truth = np.array([moments.outcomes[place] for place in later], np.int64)
    odds = model.slope * model.raw([moments.rows[place] for place in later]) + model.shift
    judged = judge(
        1 / (1 + np.exp(-odds)), np.full(len(later), trained.share), truth, [moments.deals[place] for place in later]
    )
    if judged.better < -DRIFTED * judged.error:
        return None
    slope, shift = platt(odds, truth)
    line = (slope * model.slope, slope * model.shift + shift)
    note = f"Calibrated on {len(later):,} looks at deals that closed since it learnt."
    update = {
        "data": data,
        "version": trained.version + 1,
        "calibrated": max(moments.times),
        "judged": _better(judged, trained),
    }
    return Stored(
        trained=trained.model_copy(update=update).noted(note), model=model.calibrated(line), scope=newest.scope
    )


def _better(judged: Judged, trained: Trained) -> Judged | None:
    """Of the two judgments the one on more rows."""
    return judged if trained.judged is None or judged.rows >= trained.judged.rows else trained.judged


def told(stored: Stored, artifacts: ArtifactStore, closed: int) -> DealsTrained:
    """What the steps after it are given."""
    trained, judged = stored.trained, stored.trained.judged
    served = stored.model is not None and trained.serves
    return DealsTrained(
        model=artifacts.put_model(stored) if served else "",
        refused=trained.why_not,
        version=f"{trained.data}-{trained.code}.{trained.version}",
        deals=closed,
        auc=judged.auc if judged else None,
        brier=judged.brier if judged else None,
        base_brier=judged.base_brier if judged else None,
        report=artifacts.put_model(trained),
        note=f"{trained.why_not} {' '.join(trained.notes)}".strip() if not served else "",
    )


def scorer_of(trained: DealsTrained, artifacts: ArtifactStore) -> Scorer:
    """What scores deals by a trained model; by none where it refuses."""
    if not trained.model:
        return NoModel()
    stored = artifacts.get_model(Stored, trained.model)
    return NoModel() if stored.model is None else DealModel(stored.model)
