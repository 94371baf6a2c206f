"""How well deals are scored: `python -m tests.bench.deals --data PATH`, or `--train A --test B`.

PATH: a CSV file of leads, or the folder that holds `leads.csv`. Rows are taken in order of `Lead Number`; the
product's own `activities.scoring.training` learns from the first three quarters of them and scores the rest. Beside it,
a logistic regression on the same columns. Where the product says that the outcome is not predictable, its probabilities
are the share of the past, as it would rank by methodology and value only. The last line printed is one JSON object.
"""

import argparse
import csv
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from activities.scoring.additive import sigmoid
from activities.scoring.boosting import one_thread
from activities.scoring.columns import Columns, cell, number
from activities.scoring.judging import auc, judge
from activities.scoring.training import train

OUTCOME, ORDER = "Converted", "Lead Number"
LEFT_OUT = (OUTCOME, ORDER, "Prospect ID")
EARLIER = 0.75

Row = dict[str, str]
Vector = NDArray[np.float64]


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments, measure, print."""
    options = _options().parse_args(argv)
    wanted = [options.train, options.test] if options.test else [options.data]
    missing = next((str(path) for path in wanted if path is None or found(path) is None), "")
    if missing:
        print(json.dumps({"skipped": f"no leads at {missing}"}))
        return
    if options.test:
        past, rest = read(options.train), read(options.test)
    else:
        rows = read(options.data)
        past, rest = rows[: int(len(rows) * EARLIER)], rows[int(len(rows) * EARLIER) :]
    print(json.dumps(measure(past, rest)))


def found(path: Path) -> Path | None:
    places = (path, path / "leads.csv", path / "deals" / "leads.csv")
    return next((place for place in places if place.is_file()), None)


def read(path: Path) -> list[Row]:
    """The leads of a file, in order."""
    place = found(path)
    assert place is not None
    with place.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return sorted(rows, key=lambda row: number(row.get(ORDER) or "") or 0.0)


def measure(past: Sequence[Row], rest: Sequence[Row]) -> dict[str, Any]:
    """All figures of the rest, learnt from the past."""
    began = time.perf_counter()
    truth = np.array([row[OUTCOME] == "1" for row in rest], np.int64)
    before = [row[OUTCOME] == "1" for row in past]
    fitted = train(past, before, range(len(past)), leave_out=LEFT_OUT, of="deals")
    share = np.full(len(rest), fitted.trained.share)
    model = fitted.model if fitted.trained.serves else None
    predicted = share if model is None else model.probabilities(rest)
    taken = time.perf_counter() - began
    plain = logistic(past, before, rest)
    judged, other = judge(predicted, share, truth), judge(plain, share, truth)
    return {
        "auc": round(judged.auc, 4),
        "brier": round(judged.brier, 4),
        "precision_at_10pct": round(precision(predicted, truth), 4),
        "verdict": fitted.trained.why_not or "serves",
        "logistic_auc": round(auc(plain, truth), 4),
        "logistic_brier": round(other.brier, 4),
        "logistic_precision_at_10pct": round(precision(plain, truth), 4),
        "brier_better_than_logistic": round(1 - judged.brier / other.brier, 4),
        "base_rate_brier": round(judged.base_brier, 4),
        "out_of_time": None if fitted.trained.judged is None else fitted.trained.judged.model_dump(exclude={"table"}),
        "calibration": [[bin.rows, round(bin.predicted, 3), round(bin.became, 3)] for bin in judged.table],
        "rows": [len(past), len(rest)],
        "seconds": round(taken, 2),
    }


def precision(predicted: Vector, truth: NDArray[np.int64]) -> float:
    """Of the tenth that was given most."""
    top = np.argsort(-predicted, kind="stable")[: max(1, len(predicted) // 10)]
    return float(truth[top].mean())


def logistic(past: Sequence[Row], outcomes: Sequence[bool], rest: Sequence[Row]) -> Vector:
    """What anybody would try first: one-hot categories, scaled numbers with their median where there is none."""
    columns = Columns.of(past, LEFT_OUT)
    if not columns.all or len(set(outcomes)) < 2:
        return np.full(len(rest), float(np.mean(outcomes)))
    numbers = [place for place, column in enumerate(columns.all) if column.kind == "number"]
    others = [place for place, column in enumerate(columns.all) if column.kind == "category"]
    steps = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("categories", OneHotEncoder(handle_unknown="ignore", min_frequency=5), others),
        ]
    )
    with one_thread():
        model = make_pipeline(steps, LogisticRegression(max_iter=2000)).fit(_table(columns, past), outcomes)
        return sigmoid(model.decision_function(_table(columns, rest)))


def _table(columns: Columns, rows: Sequence[Row]) -> NDArray[np.object_]:
    table = np.empty((len(rows), len(columns.all)), object)
    for place, column in enumerate(columns.all):
        texts = [cell(row, column.name) for row in rows]
        if column.kind == "number":
            table[:, place] = [np.nan if (value := number(text)) is None else value for text in texts]
        else:
            table[:, place] = texts
    return table


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.deals", description=__doc__)
    parser.add_argument("--data", type=Path, help="leads.csv, or a folder that has it")
    parser.add_argument("--train", type=Path, help="leads to learn from")
    parser.add_argument("--test", type=Path, help="leads to measure on")
    return parser


if __name__ == "__main__":
    main()
