"""How well bug triage judges without a model: `python -m tests.bench.bugs --data PATH` or `--train A --test B`.

PATH is a folder with issues.csv, hadoop.csv and hadoop_duplicates.csv. `label_f1`: mean over repositories of macro F1
in five parts, each held out once; with A and B, fitted on A and measured on B. Times are hidden from it, since these
rows were sampled by label. `duplicate_recall_at_*`: for each row of the pairs, among all other issues, both ways;
`earlier_recall_at_*`: among earlier ones, as the product looks. `auc`: Critical and Blocker, fitted on the first three
quarters. `--stream`: guess, then see; over the second half of each repository. `seconds_10k`: a night of 10,000
generated issues, which `--no-scale` leaves out. The encoder is the sentence model where deploy/bin/embeddings has
fetched it, in the folder `--models`, else word vectors.
"""

import argparse
import asyncio
import csv
import json
import tempfile
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from activities.bug_triage.features import Row
from activities.bug_triage.labels import Labels
from activities.bug_triage.like import Index
from activities.bug_triage.members import Members
from activities.bug_triage.sentences import Sentences
from activities.bug_triage.urgency import Urgency
from contracts.bugs import Issue
from tests.bench.bug_night import MODELS, night

JIRA = "%d/%b/%y %H:%M"


def labelled(folder: Path) -> list[Issue]:
    return [
        Issue(
            key=f"{folder}{at}",
            project=row["repo"],
            title=row["title"],
            body=row["body"],
            kind=row["label"],
            created=datetime.fromisoformat(row["created_at"]),
        )
        for at, row in enumerate(_rows(folder / "issues.csv"))
    ]


def reported(folder: Path, name: str = "hadoop") -> list[Issue]:
    doubles: dict[str, tuple[str, ...]] = {}
    for row in _rows(folder / f"{name}_duplicates.csv"):
        doubles[row["Issue id"]] = tuple(each.strip() for each in row["Duplicate id"].split(","))
    found = [
        Issue(
            key=row["Issue id"],
            project=name,
            title=row["Summary"],
            body=row["Description"],
            created=datetime.strptime(row["Created"], JIRA),
            priority=row["Priority"],
            duplicates=doubles.get(row["Issue id"], ()),
        )
        for row in _rows(folder / f"{name}.csv")
    ]
    return sorted(found, key=lambda each: (each.created or datetime.min, each.key))


def _rows(path: Path) -> list[dict[str, str]]:
    csv.field_size_limit(10**9)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def kinds(test: Sequence[Issue], train: Sequence[Issue] | None, sentences: Sentences) -> dict[str, float]:
    rows, truth = [Row.of(each) for each in test], np.array([each.kind for each in test])
    said = np.empty(len(rows), object)
    for before, after in _parts(test, train):
        members = Members(before, [row.issue.kind for row in before], sentences)
        table = members.table([rows[at] for at in after])
        said[after] = np.array(members.classes)[table.argmax(1)]
    of = np.array([each.project for each in test])
    each = [f1_score(truth[of == name], said[of == name].astype(str), average="macro") for name in sorted(set(of))]
    micro = f1_score(truth, said.astype(str), average="micro")
    return {"label_f1": round(float(np.mean(each)), 4), "label_f1_micro": round(float(micro), 4)}


def _parts(test: Sequence[Issue], train: Sequence[Issue] | None) -> Iterable[tuple[list[Row], Any]]:
    if train is not None:
        yield [Row.of(each) for each in train], np.arange(len(test))
        return
    strata = [f"{each.project} {each.kind}" for each in test]
    for before, after in StratifiedKFold(5, shuffle=True, random_state=0).split(strata, strata):
        yield [Row.of(test[at]) for at in before], after


def duplicates(issues: Sequence[Issue]) -> dict[str, float]:
    """The judge is never told which are the same: the likeness is not fitted on them."""
    index = Index.of([each.model_copy(update={"duplicates": ()}) for each in issues])
    place = {each.key: at for at, each in enumerate(issues)}
    asked = [each for each in issues if any(key in place for key in each.duplicates)]
    figures: dict[str, float] = {"duplicate_pairs": len(asked)}
    for name, later in (("duplicate", True), ("earlier", False)):
        found = index.like_all(asked, 10, later=later)
        fair = [
            [alike.key in issue.duplicates for alike in like]
            for issue, like in zip(asked, found, strict=True)
            if later or any(place.get(key, len(issues)) < place[issue.key] for key in issue.duplicates)
        ]
        figures |= {f"{name}_recall_at_{k}": round(sum(any(hit[:k]) for hit in fair) / len(fair), 4) for k in (5, 10)}
    return figures


def streamed(issues: Sequence[Issue], sentences: Sentences) -> float:
    labels, right = Labels("kind", sentences), dict[str, list[bool]]()
    for issue in sorted(issues, key=lambda each: each.created or datetime.min):
        row = Row.of(issue)
        guess = labels.guess([Row(issue.model_copy(update={"kind": ""}), row.text, row.marks)])[0]
        right.setdefault(issue.project, []).append(bool(guess.chances) and guess.chances[0].label == issue.kind)
        labels.learn(row)
    return round(float(np.mean([hit for each in right.values() for hit in each[-min(300, len(each) // 2) :]])), 4)


def ten_thousand(models: Path, new: int = 10_000, past: int = 4_000) -> dict[str, float]:
    """A night over generated reports, as tests.bench.bug_night has it."""
    with tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(night(Path(folder), new, past, models))
    return {"seconds_10k": float(str(told["seconds"])), "cpu_seconds_10k": float(str(told["cpu_seconds"]))}


def measure(test: Path, train: Path | None, models: Path, *, stream: bool, scale: bool) -> dict[str, Any]:
    sentences = Sentences.of(models)
    issues, reports = labelled(test), reported(test)
    earlier = labelled(train) if train else None
    auc = Urgency([Row.of(each) for each in reports]).auc
    figures = {"encoder": sentences.name, **kinds(issues, earlier, sentences), **duplicates(reports)}
    figures["auc"] = round(auc or 0.0, 4)
    if stream:
        figures["streaming_accuracy"] = streamed([*(earlier or []), *issues], sentences)
    if scale:
        figures |= ten_thousand(models)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bugs", description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--train", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--stream", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--scale", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    test, began = options.test or options.data, time.perf_counter()
    places = [_folder(each) for each in (test, options.train) if each]
    if not test or None in places:
        print(json.dumps({"skipped": f"no issues.csv and hadoop.csv at {test or '--data PATH'}"}))
        return
    train = places[1] if len(places) > 1 else None
    figures = measure(places[0], train, options.models, stream=options.stream, scale=options.scale)  # type: ignore[arg-type]
    print(json.dumps({**figures, "seconds": round(time.perf_counter() - began, 1)}))


def _folder(path: Path) -> Path | None:
    """The folder that has the files: the one given, the one called bugs in it, or that of a file."""
    places = (path, path / "bugs", path.parent)
    return next((each for each in places if (each / "issues.csv").is_file() and (each / "hadoop.csv").is_file()), None)


if __name__ == "__main__":
    main()
