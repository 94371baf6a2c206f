"""Suspects: lines and functions, ranked by what failing tests executed, what was printed, what the ticket says."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from activities.repair.relevance import relevance
from activities.repair.source import Source
from activities.repair.spectrum import Spectrum, spectra
from activities.repair.tracebacks import Frame, errors, frames
from activities.repair.trial import Baseline
from contracts.repair import Suspect

PRINTED, TOLD = 0.6, 0.5  # the weight of a traceback's innermost line, and of the ticket, beside Ochiai's 1
Place = tuple[str, int]


@dataclass
class Suspicion:
    """Scores of lines, the most suspicious has 1, with reasons in words."""

    lines: dict[Place, float] = field(default_factory=dict)
    reasons: dict[Place, list[str]] = field(default_factory=dict)

    def add(self, place: Place, score: float, reason: str) -> None:
        self.lines[place] = self.lines.get(place, 0) + score
        self.reasons.setdefault(place, []).append(reason)

    def of(self, file: str, line: int) -> float:
        most = max(self.lines.values(), default=1) or 1
        return self.lines.get((file, line), 0) / most


def suspicion(
    sources: Mapping[str, Source], baseline: Baseline, *, ticket: str, output: str, root: str = ""
) -> Suspicion:
    """Over the lines of `sources` (by path). Statements over several lines are suspected as a whole."""
    found = Suspicion()
    runs = baseline.lines
    counted = spectra(
        [_held(sources, runs[name]) for name in baseline.failing if name in runs],
        [_held(sources, runs[name]) for name in baseline.passing if name in runs],
    )
    for place, spectrum in counted.items():
        found.add(place, spectrum.ochiai, _executed(spectrum))
    for frame in frames(output):
        path = _known(sources, frame, root)
        if path:
            score = PRINTED / (1 + frame.depth)
            found.add((path, frame.line), score, _printed(frame, output))
    _read(found, sources, f"{ticket}\n{output}")
    _spread(found, sources)
    return found


def _held(sources: Mapping[str, Source], run: frozenset[Place]) -> list[Place]:
    return [place for place in run if place[0] in sources]


def _executed(spectrum: Spectrum) -> str:
    tests = "test" if spectrum.failures == 1 else "tests"
    passed = f"{spectrum.passed} that pass" if spectrum.passed else "none that passes"
    return f"executed by {spectrum.failed} of {spectrum.failures} failing {tests} and by {passed}"


def _printed(frame: Frame, output: str) -> str:
    what = errors(output)
    said = f" ({what[0][0]})" if what else ""
    return "the failure was raised here" + said if frame.depth == 0 else "in the traceback of the failure"


def _known(sources: Mapping[str, Source], frame: Frame, root: str) -> str:
    name = frame.file.removeprefix(f"{root}/") if root else frame.file
    if name in sources:
        return name
    return next((path for path in sources if frame.file.endswith(f"/{path}")), "")


def _read(found: Suspicion, sources: Mapping[str, Source], text: str) -> None:
    """Lines of functions that share rare words with the ticket."""
    documents = {
        f"{path}:{name}": source.of(node) for path, source in sources.items() for name, node in source.functions
    }
    scores = relevance(text, documents)
    most = max(scores.values(), default=0)
    for key, score in scores.items():
        path, _, name = key.rpartition(":")
        node = next(node for each, node in sources[path].functions if each == name)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1) if most and score > 0.3 * most else ():
            if (path, line) in found.lines or not found.lines:
                found.lines[(path, line)] = found.lines.get((path, line), 0) + TOLD * score / most
                found.reasons.setdefault((path, line), []).append("the ticket speaks of it")


def _spread(found: Suspicion, sources: Mapping[str, Source]) -> None:
    """To all lines of a simple statement, of which only some count as executed."""
    for path, source in sources.items():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.stmt) and not hasattr(node, "body") and node.end_lineno != node.lineno:
                lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                most = max(lines, key=lambda line, path=path: found.lines.get((path, line), 0))  # type: ignore[misc]
                for line in lines if (path, most) in found.lines else ():
                    found.lines[(path, line)] = found.lines[(path, most)]
                    found.reasons.setdefault((path, line), found.reasons[(path, most)])


def ranked(found: Suspicion, sources: Mapping[str, Source], *, most: int = 20) -> tuple[Suspect, ...]:
    """The most suspicious lines, one for each statement's first line, the best first; ties in the order of text."""
    order = sorted(found.lines, key=lambda place: (-found.lines[place], place))
    return tuple(
        Suspect(
            file=file,
            function=sources[file].function_at(line),
            line=line,
            score=round(found.of(file, line), 3),
            reasons=tuple(dict.fromkeys(found.reasons[(file, line)])),
        )
        for file, line in order[:most]
    )


def functions(found: Suspicion, sources: Mapping[str, Source]) -> Sequence[tuple[str, str, float]]:
    """(file, function, score) of functions with a suspicious line, the best first."""
    best: dict[tuple[str, str], float] = {}
    for file, line in found.lines:
        key = (file, sources[file].function_at(line))
        best[key] = max(best.get(key, 0), found.of(file, line))
    rows = [(file, name, score) for (file, name), score in best.items() if name]
    return sorted(rows, key=lambda row: (-row[2], row[:2]))
