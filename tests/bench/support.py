"""How well tickets are told apart: `python -m tests.bench.support --data PATH` (banking77_train.csv, or its folder).

A fifth of each intent is held out, seeded (`--seed`); or fit on A and judge on B: `--train A --test B`. Everything is
chosen on the training part alone: the members' weights, the probabilities, the threshold from where on it answers.

- `accuracy` of the likeliest intent; `precision` and `answered` at the threshold; `answered_at_97`: the most that could
  have been answered at 97 % precision, had the truth been known (how good the order is, whatever the threshold).
- `streaming`: eight intents are hidden from the fit, then five examples of each are learnt one by one. Accuracy on the
  hidden ones, on the others before and after.

The encoder is the sentence model where deploy/bin/embeddings has fetched it, else word vectors (`--encoder words`).
The last line printed is one JSON object.
"""

import argparse
import csv
import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from activities.support_triage.confidence import threshold
from activities.support_triage.encoders import FILE, Encoder, Matrix, Say, WordVectors, best, quiet
from activities.support_triage.triager import Triager

ROOT = Path(__file__).parents[2]
HIDDEN, SHOWN = 8, 5
Rows = tuple[list[str], list[str]]


def main() -> None:
    arguments = parse()
    started = time.monotonic()
    paths = [arguments.train, arguments.test] if arguments.train and arguments.test else [arguments.data]
    missing = [str(path) for path in paths if not _file(path).is_file()]
    if missing:
        print(json.dumps({"skipped": f"no file of tickets at {', '.join(missing)}"}))
        return
    rows = [read(_file(path)) for path in paths]
    train, test = rows if len(rows) == 2 else split(*rows[0], arguments.seed)
    encoder = Remembering(WordVectors() if arguments.encoder == "words" else best(fetched(arguments.models)))
    result = measure(train, test, encoder)
    if not arguments.quick and len(set(train[1])) >= 4:  # with fewer intents none can be hidden
        result["streaming"] = stream(train, test, encoder, arguments.seed)
    seconds = {"seconds": round(time.monotonic() - started, 1), "cpu_seconds": round(time.process_time(), 1)}
    print(json.dumps({**result, **seconds}))


class Remembering:
    """An encoder that reads each text once: the same vectors, and streaming need not read all of them again."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder, self.name, self.width = encoder, encoder.name, encoder.width
        self.known: dict[str, Matrix] = {}

    def encode(self, texts: Sequence[str], say: Say = quiet) -> Matrix:
        new = [each for each in dict.fromkeys(texts) if each not in self.known]
        self.known.update(zip(new, self.encoder.encode(new, say), strict=True))
        rows = [self.known[each] for each in texts]
        return np.array(rows, np.float32).reshape(len(rows), self.width)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Tell tickets apart")
    parser.add_argument("--data", type=Path, default=Path("data/support"))
    parser.add_argument("--train", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--models", type=Path, default=ROOT / ".tools" / "embeddings")
    parser.add_argument("--encoder", choices=("best", "words"), default="best")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="without streaming")
    return parser.parse_args()


def fetched(folder: Path) -> Path:
    """The folder, with the sentence model in it where it can be had."""
    if not (folder / FILE).is_file():
        subprocess.run([ROOT / "deploy" / "bin" / "embeddings", folder.absolute()], check=False)
    return folder


def _file(path: Path) -> Path:
    """The file itself, or that of a folder or of the folder `support` in it."""
    if not path.is_dir():
        return path
    places = (path / "banking77_train.csv", path / "support" / "banking77_train.csv", *sorted(path.glob("*77*.csv")))
    return next((place for place in places if place.is_file()), places[0])


def read(path: Path) -> Rows:
    """Texts and intents."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["category"] for row in rows]


def split(texts: list[str], intents: list[str], seed: int) -> tuple[Rows, Rows]:
    """Four fifths and a fifth of each intent."""
    rng, held = np.random.default_rng(seed), set()
    for intent in sorted(set(intents)):
        places = rng.permutation([place for place, each in enumerate(intents) if each == intent])
        held.update(int(place) for place in places[: max(1, round(len(places) / 5))])
    chosen = [[place for place in range(len(texts)) if (place in held) is is_test] for is_test in (False, True)]
    first, second = (([texts[place] for place in part], [intents[place] for place in part]) for part in chosen)
    return first, second


def measure(train: Rows, test: Rows, encoder: Encoder) -> dict[str, Any]:
    """Fit on one, judge on the other."""
    started = time.monotonic()
    triager = Triager.fit(*train, encoder=encoder, say=lambda says: print(says, flush=True))
    fitted = time.monotonic()
    decisions = triager.decide(test[0])
    right = np.array([each.guesses[0].label == truth for each, truth in zip(decisions, test[1], strict=True)])
    second = np.array(
        [truth in [g.label for g in each.guesses] for each, truth in zip(decisions, test[1], strict=True)]
    )
    sure = np.array([each.guesses[0].probability for each in decisions])
    confident = np.array([each.confident for each in decisions])
    return {
        "accuracy": _round(right.mean()),
        "in_first_two": _round(second.mean()),
        "precision": _round(right[confident].mean() if confident.any() else 1.0),
        "answered": _round(confident.mean()),
        "answered_at_97": _round((sure >= threshold(sure, right, 0.97)).mean()),
        "calibration_error": _round(calibration_error(sure, right)),
        "encoder": encoder.name,
        "rows": [len(train[0]), len(test[0])],
        "cross_fitted": {
            "accuracy": _round(triager.certified.accuracy),
            "answered": _round(triager.certified.answered),
        },
        "threshold": _round(triager.certified.threshold),
        "weights": [_round(weight) for weight in triager.mixture.weights],
        "fit_seconds": round(fitted - started, 1),
        "decide_per_second": round(len(test[0]) / (time.monotonic() - fitted)),
    }


def calibration_error(sure: np.ndarray, right: np.ndarray) -> float:
    """The mean distance between said and true, in ten parts of equal size."""
    parts = np.array_split(np.argsort(sure), 10)
    return float(np.mean([abs(sure[part].mean() - right[part].mean()) for part in parts if len(part)]))


def stream(train: Rows, test: Rows, encoder: Encoder, seed: int) -> dict[str, Any]:
    """Hide some intents, then show a few examples of each."""
    rng = np.random.default_rng(seed)
    names = sorted(set(train[1]))
    hidden = {names[place] for place in rng.permutation(len(names))[: min(HIDDEN, len(names) // 4)]}
    old = [place for place, intent in enumerate(train[1]) if intent not in hidden]
    triager = Triager.fit([train[0][place] for place in old], [train[1][place] for place in old], encoder=encoder)
    known = [place for place, intent in enumerate(test[1]) if intent not in hidden]
    new = [place for place, intent in enumerate(test[1]) if intent in hidden]
    before = accuracy(triager, test, known)
    started = time.monotonic()
    for intent in sorted(hidden):
        places = [place for place, each in enumerate(train[1]) if each == intent]
        for place in rng.permutation(places)[:SHOWN]:
            triager.learn(train[0][place], intent)
    learnt = accuracy(triager, test, new)
    return {
        "hidden": len(hidden),
        "examples": SHOWN,
        "accuracy_on_new": learnt,
        "accuracy_on_old": accuracy(triager, test, known),
        "accuracy_on_old_before": before,
        "learn_seconds": round(time.monotonic() - started, 1),
    }


def accuracy(triager: Triager, test: Rows, places: list[int]) -> float:
    decisions = triager.decide([test[0][place] for place in places])
    return _round(np.mean([each.guesses[0].label == test[1][p] for each, p in zip(decisions, places, strict=True)]))


def _round(value: Any) -> float:
    return round(float(value), 4)


if __name__ == "__main__":
    main()
