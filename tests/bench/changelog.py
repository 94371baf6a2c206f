"""How well the baseline chooses what a changelog tells: `python -m tests.bench.changelog --data PATH`.

Repositories in turn. A release is judged by the product's own `select_lines`, given what it would have had on the day:
the earlier releases of its repository, and a prior that has not seen the repository. That is the shipped prior, or,
where the shipped one was made from the repository, one fitted on the others in the data (with `--train A --test B`, on
A). What A has of earlier releases of a repository of B is part of its past. `--prior fitted` leaves the shipped one
aside. The last line printed is one JSON object.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from activities.changelog.prior import FILE, Prior, shipped, written
from activities.changelog.prior_fit import fit
from activities.changelog.select import select_lines
from activities.changelog.select_history import lesson_of
from activities.changelog.select_own import Taught
from contracts.changelog import History
from tests.bench.changelog_rows import Judged, conventional, everything, find, read, tally, total
from tests.bench.changelog_tools import conventional_changelog, git_cliff

Data = dict[str, list[Judged]]
Chosen = dict[str, frozenset[str]]


def judge(releases: Sequence[Judged], prior: Prior, past: Sequence[Judged] = ()) -> Chosen:
    """What the product tells of each release, with the ones before it as its past. SHAs by version."""
    known = {j.release.version for j in releases}
    other = [j for j in past if j.release.version not in known]
    return {
        j.release.version: _told([*_before(other, j), *releases[:place]], j, prior) for place, j in enumerate(releases)
    }


def _before(past: Sequence[Judged], judged: Judged) -> list[Judged]:
    """Those of other rows that ended before this release began."""
    began = min(change.time for change in judged.release.changes)
    return [j for j in past if max(change.time for change in j.release.changes) < began]


def _told(earlier: Sequence[Judged], judged: Judged, prior: Prior) -> frozenset[str]:
    history = History(
        repository="bench",
        base_says="since the release before",
        head=judged.release.changes[-1].sha,
        changes=judged.release.changes,
        changelog_path="CHANGELOG.md",
        releases=tuple(j.release for j in earlier),
    )
    lines, _ = select_lines(history, prior=prior)
    return frozenset(sha for line in lines for sha in line.changes)


def lessons(data: Data) -> dict[str, list[Taught]]:
    """What a prior is fitted on: each repository's releases, oldest first."""
    return {name: [lesson_of(j.release, cites=True) for j in releases] for name, releases in data.items()}


def priors(data: Data, train: Data | None, how: str) -> dict[str, tuple[Prior, str]]:
    """For each repository a prior that has not seen it, and in words which."""
    if train is not None:
        return _from_train(data, train, how)
    taught = lessons(data)
    chosen = {}
    for name in data:
        others = {other: rows for other, rows in taught.items() if other != name}
        usable = how == "shipped" and name not in shipped().made_from
        chosen[name] = (shipped(), "shipped") if usable or not others else (fit(others), "fitted on the others")
    return chosen


def _from_train(data: Data, train: Data, how: str) -> dict[str, tuple[Prior, str]]:
    unseen = {name for name in data if how == "shipped" and name not in shipped().made_from}
    fitted = fit(lessons(train)) if unseen != set(data) else shipped()
    return {name: (shipped(), "shipped") if name in unseen else (fitted, "fitted on A") for name in data}


def measure(data: Data, train: Data | None, how: str, *, tools: bool) -> dict[str, Any]:
    """All figures. `how` is "shipped" or "fitted"."""
    by_name = priors(data, train, how)
    past = train or {}
    chosen = {name: judge(releases, by_name[name][0], past.get(name, ())) for name, releases in data.items()}
    counted = {name: tally(releases, chosen[name]) for name, releases in data.items()}
    return {
        **total(counted.values()).figures(),
        "repositories": {n: {**t.figures(), "prior": by_name[n][1]} for n, t in counted.items()},
        "take_all": _by(data, everything),
        "conventional_commits": _by(data, conventional),
        "git_cliff": git_cliff(data) if tools else "not asked for: --tools",
        "conventional_changelog": conventional_changelog(data) if tools else "not asked for: --tools",
    }


def _by(data: Data, choose: Any) -> dict[str, float]:
    return total(tally(releases, choose(releases)) for releases in data.values()).figures()


def write_prior(paths: Sequence[Path], note: str) -> None:
    """Fit the shipped prior on every repository of the files."""
    data: Data = {}
    for path in paths:
        data.update(read(path))
    FILE.write_text(written(fit(lessons(data), note=note)), encoding="utf-8")


NOTE = (
    "Weights only, made by `python -m tests.bench.changelog --write-prior` from the public histories and changelogs of "
    "the repositories in made_from: for each release, which of its numbered changes its changelog cites. Words are "
    "kept only where several repositories use them. No text of the repositories is in here."
)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the arguments, measure, print."""
    options = _options().parse_args(argv)
    began = time.perf_counter()
    wanted = [p for p in (options.data, options.train, options.test, *options.write_prior) if p is not None]
    missing = next((str(p) for p in wanted if find(p) is None), "" if wanted else "--data PATH")
    if missing:
        print(f"skipped: no releases.jsonl at {missing}")
        print(json.dumps({"skipped": missing}))
        return
    if options.write_prior:
        write_prior([found for p in options.write_prior if (found := find(p))], NOTE)
        print(json.dumps({"written": FILE.name, "seconds": round(time.perf_counter() - began, 1)}))
        return
    test, train = _read(options.test or options.data), _read(options.train)
    figures = measure(test or {}, train, options.prior, tools=options.tools)
    print(json.dumps({**figures, "seconds": round(time.perf_counter() - began, 1)}))


def _read(path: Path | None) -> Data | None:
    found = find(path) if path else None
    return read(found) if found else None


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.changelog", description=__doc__)
    parser.add_argument("--data", type=Path, help="releases.jsonl, or a folder that has it")
    parser.add_argument("--train", type=Path, help="rows to fit on")
    parser.add_argument("--test", type=Path, help="rows to measure on")
    parser.add_argument("--prior", choices=("shipped", "fitted"), default="shipped")
    parser.add_argument("--tools", action=argparse.BooleanOptionalAction, default=True, help="run the npm tools too")
    parser.add_argument("--write-prior", type=Path, nargs="+", default=[], help="fit prior.json on these rows")
    return parser


if __name__ == "__main__":
    main()
