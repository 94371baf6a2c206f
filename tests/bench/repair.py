"""Fixes HumanEvalFix functions without a model, in a sandbox: how many, how fast, how many of them wrong.

    python -m tests.bench.repair --data PATH [--limit N] [--seconds S] [--show]
    python -m tests.bench.repair --train A --test B      the kinds' prior fitted on A, measured on B
    python -m tests.bench.repair --fit A                 print that prior, as activities/repair/prior.py holds it

PATH: a .jsonl of HumanEvalFix rows, or the folder that holds it. Each function is repaired by the product's own
`activities.repair.repair.repair`, with its tests and its docstring. `overfitted`: the first proposal passes the tests
and answers some fresh input, made by small changes to the tests' inputs with another seed, differently from the
reference; inputs on which the reference raises or is too slow are left out. The reference is used for nothing else.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from activities.repair import prior
from activities.repair.function_trial import FunctionTrial
from activities.repair.repair import repair
from activities.repair.source import Change
from activities.repair.tries import Candidate
from contracts.policy import SandboxPolicy
from contracts.repair import FunctionUnderRepair, RepairLimits, RepairRequest, RepairResult
from sandboxes import choose
from sandboxes.protocol import Sandbox
from tests.bench.repair_fit import fitted

FRESH, SEED = 300, "judged by the reference"

Row = dict[str, Any]


def main() -> None:
    arguments = parse()
    path = found(arguments.fit or arguments.test or arguments.data)
    if path is None:
        print(json.dumps({"skipped": f"no rows at {arguments.fit or arguments.test or arguments.data}"}))
        return
    if arguments.fit:
        print(json.dumps(fitted(rows_of(path)), indent=4))
        return
    if arguments.train and (train := found(arguments.train)):
        prior.PRIOR = fitted(rows_of(train))
    rows = [row for at, row in enumerate(rows_of(path)) if not arguments.rows or at in arguments.rows][
        : arguments.limit
    ]
    print(json.dumps(asyncio.run(measure(rows, arguments.seconds, arguments.show))))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Repair functions without a model")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--train", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--fit", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--rows", type=lambda text: [int(word) for word in text.split(",")], default=[])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--show", action="store_true", help="every diff, and what the reference says of it")
    return parser.parse_args()


def found(path: Path) -> Path | None:
    for each in (path, path / "humanevalfix.jsonl", path / "repair" / "humanevalfix.jsonl"):
        if each.is_file():
            return each
    return next(iter(sorted(path.glob("*.jsonl"))), None) if path.is_dir() else None


def rows_of(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def request_for(row: Row, seconds: float) -> RepairRequest:
    subject = FunctionUnderRepair(
        source=row["declaration"] + row["buggy_solution"], tests=row["test"], entry_point=row["entry_point"]
    )
    return RepairRequest(subject=subject, ticket=row["docstring"], limits=RepairLimits(seconds=seconds))


async def measure(rows: list[Row], seconds: float, show: bool) -> dict[str, Any]:
    started = time.monotonic()
    taken: list[float] = []
    fixed: list[str] = []
    wrong: list[str] = []
    refused: list[str] = []
    tries: list[int] = []
    with tempfile.TemporaryDirectory() as place:
        provider = choose(Path(place, "sandboxes"))
        for at, row in enumerate(rows):
            async with await provider.create(SandboxPolicy(), owner="bench") as box:
                result = await repair(box, request_for(row, seconds))
                taken.append(result.seconds)
                name = f"{row['task_id']} {row['entry_point']}"
                if result.ended == "refused":
                    refused.append(name)
                if result.candidates:
                    fixed.append(name)
                    tries.append(result.first_pass)
                    differs = await differing(box, row, result)
                    if differs:
                        wrong.append(name)
                    tell(f"{at} {name} {result.seconds}s first {result.first_pass} of {result.tries} {differs}", show)
                    tell(
                        result.candidates[0].says + "\n" + "".join(result.candidates[0].diff.splitlines(True)[3:]), show
                    )
                else:
                    tell(f"{at} {name} {result.seconds}s {result.tries} NOT FIXED: {result.ended}", show)
    return {
        "fixed": len(fixed),
        "of": len(rows),
        "seconds_median": round(statistics.median(taken), 2) if taken else 0,
        "seconds_p90": round(sorted(taken)[int(len(taken) * 0.9)], 2) if taken else 0,
        "overfitted": len(wrong),
        "refused": refused,
        "first_pass_median": statistics.median(tries) if tries else 0,
        "overfitted_names": wrong,
        "seconds": round(time.monotonic() - started, 1),
    }


def tell(words: str, show: bool) -> None:
    if show:
        print(words, file=sys.stderr, flush=True)


async def differing(box: Sandbox, row: Row, result: RepairResult) -> str:
    """How the proposal differs from the reference on fresh inputs; empty when it does not."""
    request = request_for(row, 20)
    subject = request.subject
    assert isinstance(subject, FunctionUnderRepair)
    whole = len(subject.source)
    reference = row["declaration"] + row["canonical_solution"]
    patched = _patched(subject.source, result.candidates[0].diff)
    trial = FunctionTrial(box, subject, request.limits)
    candidates = [Candidate(at, "f.py", (Change(0, whole, text),)) for at, text in enumerate((reference, patched))]
    job = trial.job("agree", count=FRESH, seed=SEED, examples=[])
    outcomes = await trial.door.run(job, candidates, trial.try_limits(10), timeout=60)
    if 0 not in outcomes or 1 not in outcomes:
        return ""
    pairs = list(zip(outcomes[0].answers, outcomes[1].answers, strict=False))
    judged = [(right, given) for right, given in pairs if not right.startswith("!") and given not in ("!time", "!late")]
    odd = [pair for pair in judged if pair[0] != pair[1]]
    return f"DIFFERS on {len(odd)} of {len(judged)}: {odd[0]}" if odd else ""


def _patched(text: str, diff: str) -> str:
    """`text` after one unified diff of one file."""
    lines, out, at = text.splitlines(keepends=True), [], 0
    for words in diff.splitlines(keepends=True)[2:]:
        if words.startswith("@@"):
            start = int(words.split()[1].split(",")[0][1:]) - 1
            out += lines[at:start]
            at = start
        elif words.startswith("+"):
            out.append(words[1:])
        elif words.startswith(("-", " ")):
            out += [lines[at]] if words[0] == " " else []
            at += 1
    return "".join([*out, *lines[at:]])


if __name__ == "__main__":
    main()
