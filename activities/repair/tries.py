"""Sends candidates into the sandbox and takes outcomes back. What comes out is untrusted: it is validated here."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from activities.repair.source import Change
from contracts.errors import BadInput
from sandboxes.protocol import Sandbox

PACKAGE = "_countersign_harness"
MODULES = ("fresh", "serve", "cases", "swap", "pytest_runs")
BOOT = f"""\
import json, sys, types
request = json.loads(sys.stdin.buffer.read())
package = sys.modules["{PACKAGE}"] = types.ModuleType("{PACKAGE}")
for name, text in request.pop("modules"):
    module = sys.modules["{PACKAGE}." + name] = types.ModuleType("{PACKAGE}." + name)
    setattr(package, name, module)
    exec(compile(text, "<" + name + ">", "exec"), module.__dict__)
package.serve.main(request, {{"function": package.cases.serve_cases, "repository": package.pytest_runs.serve_tests}})
"""


class Case(BaseModel):
    """One assert or test: where, how it went, and a description of what it saw."""

    model_config = ConfigDict(frozen=True)
    name: str = Field(max_length=1000)
    state: str = Field(pattern="^(pass|fail|error|time|skip)$")
    seen: str = Field(default="", max_length=4000)


class Outcome(BaseModel):
    """How one try went, as the sandbox tells it. `passed` is believed only until the last proof."""

    model_config = ConfigDict(frozen=True, strict=True)
    id: int
    end: str = Field(max_length=40)
    says: str = Field(default="", max_length=4000)
    passed: bool = False
    seconds: float = Field(default=0, ge=0, le=1e6)
    cases: tuple[Case, ...] = Field(default=(), max_length=20_000)
    lines: tuple[Any, ...] = Field(default=(), max_length=20_000)
    answers: tuple[str, ...] = Field(default=(), max_length=2000)
    examples: tuple[bool, ...] = Field(default=(), max_length=500)

    @property
    def states(self) -> dict[str, tuple[str, str]]:
        return {case.name: (case.state, case.seen) for case in self.cases}


@dataclass(frozen=True)
class TryLimits:
    """Of each try: seconds of processor time, seconds until it is killed; bytes of memory, of a written file and of
    what it answers. `chunk`: how many tries one process does in turn."""

    cpu: float
    wall: float
    memory: int
    workers: int
    chunk: int = 8
    file: int = 8 << 20
    line: int = 256 << 10


@dataclass(frozen=True)
class Candidate:
    """Changes to one file, under an id that its outcome will name."""

    id: int
    path: str
    changes: tuple[Change, ...]

    def sent(self) -> dict[str, Any]:
        return {"id": self.id, "changes": [[self.path, each.start, each.end, each.text] for each in self.changes]}


@cache
def harness() -> list[tuple[str, str]]:
    """Name and text of what runs inside. Its package gets a name that no repository has."""
    folder = files("activities.repair.harness")
    ours = "activities.repair.harness"
    return [(name, folder.joinpath(f"{name}.py").read_text("utf-8").replace(ours, PACKAGE)) for name in MODULES]


@dataclass(frozen=True)
class Door:
    """The way into one sandbox: which interpreter, where, with which environment."""

    sandbox: Sandbox
    python: str = "python3"
    cwd: str = "/work"
    environment: Mapping[str, str] | None = None
    isolated: bool = True

    async def run(
        self,
        job: Mapping[str, Any],
        candidates: Sequence[Candidate],
        limits: TryLimits,
        *,
        timeout: float,
        on_outcome: Callable[[Outcome], None] | None = None,
    ) -> dict[int, Outcome]:
        """Outcomes by id, fewer than candidates where time was up or enough passed.

        Raises BadInput when the interpreter cannot run the harness at all.
        """
        request = {
            "modules": harness(),
            "job": dict(job),
            "candidates": [each.sent() for each in candidates],
            "limits": limits.__dict__,
        }
        reader = Reader({each.id for each in candidates}, on_outcome, limits.line)
        argv = [self.python, *(["-I"] if self.isolated else ["-B"]), "-c", BOOT]
        environment = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", **(self.environment or {})}
        result = await self.sandbox.exec(
            argv,
            cwd=self.cwd,
            stdin=json.dumps(request).encode(),
            env=environment,
            timeout=timeout,
            on_stdout=reader.take,
        )
        if not reader.outcomes and not reader.complete and not result.timed_out:
            words = result.stderr.decode(errors="replace").strip()[-600:]
            raise BadInput(
                f"{self.python!r} could not run the tests: {words or 'it said nothing'}",
                subject=self.python,
                way_out="Name an interpreter in the sandbox that has pytest and the project's dependencies.",
            )
        return reader.outcomes


class Reader:
    """Lines to outcomes. Anything that is not a valid answer to what was asked is dropped."""

    def __init__(
        self, wanted: set[int], on_outcome: Callable[[Outcome], None] | None = None, longest: int = 256 << 10
    ) -> None:
        self.outcomes: dict[int, Outcome] = {}
        self.complete = False
        self._wanted = wanted
        self._tell = on_outcome
        self._buffer = b""
        self._longest = longest

    def take(self, chunk: bytes) -> None:
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        if len(self._buffer) > self._longest:
            self._buffer = b""
        for line in lines:
            if len(line) <= self._longest:
                self._read(line)

    def _read(self, line: bytes) -> None:
        try:
            raw = json.loads(line)
            raw["cases"] = tuple(
                {"name": str(name), "state": state, "seen": seen} for name, state, seen in raw.get("cases", ())
            )
            for name in ("lines", "answers", "examples"):
                raw[name] = tuple(raw.get(name, ()))
            outcome = Outcome.model_validate(raw)
        except (ValueError, ValidationError, TypeError, AttributeError, KeyError, RecursionError):
            return
        self.complete |= outcome.id == -1
        if outcome.id in self._wanted and outcome.id not in self.outcomes:
            self.outcomes[outcome.id] = outcome
            if self._tell:
                self._tell(outcome)
