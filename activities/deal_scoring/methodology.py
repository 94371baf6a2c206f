"""Reads the methodology from its file. What is wrong there is told by file, line and place, all of it at once."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from contracts import shown
from contracts.deals import METHODOLOGIES
from contracts.errors import AccessRefused, BadMethodology
from contracts.methodology import Condition, Methodology, Play

EXAMPLES = Path(__file__).parent / "methodologies"
LARGEST = 1 << 20
MOST_PROBLEMS = 8
Place = tuple[str | int, ...]


def methodology_at(named: str) -> Methodology:
    """The methodology of a file, or of an example's name. BadMethodology, or AccessRefused where it can't be read."""
    path = EXAMPLES / f"{named}.yaml" if named in METHODOLOGIES else Path(named)
    return read(_text(path), path.name if named in METHODOLOGIES else named)


def read(text: str, file: str) -> Methodology:
    """The methodology of a text. `file` is what errors call it."""
    data, lines = _loaded(text, file)
    try:
        made = Methodology.model_validate(data)
    except ValidationError as error:
        places = [(_place(each["loc"]), str(each["msg"]).removeprefix("Value error, ")) for each in error.errors()]
        raise _bad(file, [_told(lines, place, says) for place, says in places]) from None
    problems = [_told(lines, place, says) for place, says in _dangling(made)]
    if problems:
        raise _bad(file, problems)
    return made


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise _bad(str(path), [f"it is over {LARGEST >> 20} MB"])
        return path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise BadMethodology(
            f"There is no methodology file {str(path)!r}.",
            subject=str(path),
            way_out=f"Give the path of a YAML file, or one that comes with the platform: {', '.join(METHODOLOGIES)}.",
        ) from None
    except UnicodeDecodeError as error:
        raise _bad(str(path), [f"it is no UTF-8 text at byte {error.start:,}"]) from None
    except PermissionError:
        raise AccessRefused(
            f"The methodology file {str(path)!r} may not be read.", subject=str(path), way_out="Let the worker read it."
        ) from None


def _loaded(text: str, file: str) -> tuple[Any, dict[Place, int]]:
    """The file's values, and the line of each."""
    lines: dict[Place, int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            raise _bad(file, ["it is empty"])
        problems = list(_walked(node, (), lines, set()))
        if problems:
            raise _bad(file, [_told(lines, place, says) for place, says in problems])
        return yaml.safe_load(text), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _bad(file, [f"{where}{error.problem or 'this is no YAML'}"]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _bad(file, [f"this is no YAML: {error}"]) from None


def _walked(node: yaml.Node, place: Place, lines: dict[Place, int], above: set[int]) -> Iterator[tuple[Place, str]]:
    """Notes the line of each value. Anchors are refused: a small file could hold a huge one by them."""
    lines[place] = node.start_mark.line + 1
    if id(node) in above:
        yield place, "it is the same part as one further up (YAML's & and *): write it out"
        return
    above.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for at, child in enumerate(node.value):
            yield from _walked(child, (*place, at), lines, above)
    elif isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            inner = (*place, str(key.value))
            if inner in lines:
                yield inner, f"it is there again in line {key.start_mark.line + 1}: keep one"
                continue
            yield from _walked(child, inner, lines, above)
            lines[inner] = key.start_mark.line + 1


def _dangling(made: Methodology) -> Iterator[tuple[Place, str]]:
    """Names that one part uses of another that isn't there, and names that are there twice."""
    yield from _twice("stages", [each.name.casefold() for each in made.stages])
    yield from _twice("signals", [each.name for each in made.signals])
    yield from _twice("plays", [each.name for each in made.plays])
    yield from _twice("people", [each.name.casefold() for each in made.people])
    signals, roles = {each.name for each in made.signals}, {each.role for each in made.people}
    for at, play in enumerate(made.plays):
        yield from _dangling_play(made, ("plays", at), play, signals, roles)
    for place, condition in _conditions(made):
        if condition.fact == "stage":
            for name in filter(None, (condition.equals, *(condition.any_of or ()))):
                if made.stage(name) is None:
                    yield place, f"there is no stage {name!r}; there are {', '.join(made.stage_names)}"


def _dangling_play(
    made: Methodology, place: Place, play: Play, signals: set[str], roles: set[str]
) -> Iterator[tuple[Place, str]]:
    for name in play.stages:
        if made.stage(name) is None:
            yield (*place, "stages"), f"there is no stage {name!r}; there are {', '.join(made.stage_names)}"
    for name in play.signals:
        if name not in signals:
            yield (*place, "signals"), f"there is no signal {name!r}; there are {', '.join(sorted(signals)) or 'none'}"
    if play.owner != "owner" and play.owner not in roles:
        told = f"nobody among the people has the role {play.owner!r}"
        yield (*place, "owner"), f"{told}; say owner, or {', '.join(sorted(roles)) or 'list people'}"


def _conditions(made: Methodology) -> Iterator[tuple[Place, Condition]]:
    for at, stage in enumerate(made.stages):
        for number, criterion in enumerate(stage.exit):
            yield ("stages", at, "exit", number, "when"), criterion.when
    whens: list[tuple[Place, tuple[Condition, ...]]] = [
        (("signals", at), each.when) for at, each in enumerate(made.signals)
    ]
    whens += [(("plays", at), each.when) for at, each in enumerate(made.plays)]
    whens += [(("let_go",), made.let_go.when)]
    for place, when in whens:
        for number, condition in enumerate(when):
            yield (*place, "when", number), condition


def _twice(where: str, names: list[str]) -> Iterator[tuple[Place, str]]:
    for at, name in enumerate(names):
        if name in names[:at]:
            yield (where, at), f"{name!r} is there already, as {where}[{names.index(name)}]"


def _place(found: tuple[int | str, ...]) -> Place:
    return tuple(found)


def _told(lines: dict[Place, int], place: Place, says: str) -> str:
    """`line 34, stages[2].exit[0].when: …`. What isn't there has the line of what it is missing from."""
    known = next((place[:size] for size in range(len(place), -1, -1) if place[:size] in lines), ())
    path = re.sub(r"^\.", "", "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in place))
    return f"line {lines.get(known, 1)}{', ' + path if path else ''}: {says}"


def _bad(file: str, problems: list[str]) -> BadMethodology:
    more = len(problems) - MOST_PROBLEMS
    listed = [*problems[:MOST_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]
    told = shown.spelt("; ".join(listed))[:3_000]
    return BadMethodology(
        f"The methodology {file!r} can't be used: {told}.",
        subject=file,
        way_out="Correct the file and start again; docs/workflows/deal_scoring.md tells of each part.",
    )
