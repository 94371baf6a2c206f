"""The rules of the house, each with its reason, enforced."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from activities.effects import KINDS, EffectKind
from activities.effects.kinds import UnaskableKind
from activities.faults import MOMENTS, POINTS
from contracts import errors, steps
from contracts.policy import Policy
from tests.activities import (
    test_crm_effects,
    test_effects,
    test_git_change,
    test_issue_update,
    test_payment_file,
    test_pull_request,
    test_run_start,
    test_ticket_update,
)
from workers import discovery

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def run(*argv: str) -> None:
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout[-6000:]}{done.stderr[-2000:]}"


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def test_ruff_finds_nothing() -> None:
    run(str(BIN / "ruff"), "check", ".")


def test_everything_is_formatted() -> None:
    run(str(BIN / "ruff"), "format", "--check", ".")


def test_types_hold_under_mypy_strict(mypy: Callable[[], tuple[int, str]]) -> None:
    code, said = mypy()
    assert code == 0, said


def test_imports_follow_the_table() -> None:
    run(str(BIN / "lint-imports"))


@pytest.mark.parametrize("cls", discovery.scoped_workflows(), ids=lambda cls: cls.__name__)
def test_every_workflow_has_policy_baseline_history_and_test(cls: type) -> None:
    name = discovery.workflow_name(cls)
    assert isinstance(cls.policy, Policy)  # type: ignore[attr-defined]
    domain = ROOT / "activities" / name
    assert domain.is_dir() or domain.with_suffix(".py").is_file(), f"activities/{name} has the baseline and checks"
    assert list((ROOT / "tests" / "workflows").glob(f"test_{name}*.py")), f"tests/workflows/test_{name}.py is missing"
    assert list((ROOT / "tests" / "replay" / "histories").glob(f"{name}*.json")), "record one: make histories"


def test_every_step_has_exactly_one_activity() -> None:
    """A name without an activity would only show when a run hangs on it."""
    named = {step.name for step in vars(steps).values() if isinstance(step, steps.Step)}
    defined = [name for cls in discovery.activity_classes() for _, name in discovery._activity_names(cls)]
    assert sorted(defined) == sorted(set(defined))
    # Other tests add a workflow of their own, whose steps are in its own file.
    assert named == {name for name in defined if not name.startswith("memo.")}


def test_every_step_goes_to_the_queue_that_its_activity_is_polled_on() -> None:
    """A call on a queue without its activity would wait for ever."""
    wrong = {
        step.name: (step.queue, discovery.queue_of(step.name))
        for step in vars(steps).values()
        if isinstance(step, steps.Step) and step.queue != discovery.queue_of(step.name)
    }
    assert wrong == {}


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_every_kind_of_effect_can_be_asked_or_says_that_it_cannot(kind: EffectKind) -> None:
    """After a crash the destination is asked, or a person is. One that nobody can ask must not be cut off either."""
    assert kind.askable is not isinstance(kind, UnaskableKind)
    assert not (kind.cancellable and not kind.askable)


def test_every_kind_of_effect_is_killed_at_every_point() -> None:
    """A kind without a crash test would be believed to be safe."""
    killed = {
        "git.commit_file": test_effects.POINTS_OF_IT,
        "git.change": test_git_change.POINTS_OF_IT,
        "git.pull_request": test_pull_request.POINTS_OF_IT,
        "issue.update": test_issue_update.POINTS_OF_IT,
        "run.start": test_run_start.POINTS_OF_IT,
        "payment.file": test_payment_file.POINTS_OF_IT,
        "crm.task": test_crm_effects.POINTS_OF_TASK,
        "crm.field": test_crm_effects.POINTS_OF_FIELD,
        "slack.post": test_crm_effects.POINTS_OF_POST,
        "ticket.update": test_ticket_update.POINTS_OF_IT,
    }
    everywhere = {point for point in POINTS if point.startswith("effect.") and not point.endswith(MOMENTS)}
    assert len(everywhere) == 6
    assert {name: everywhere - set(points) for name, points in killed.items()} == {name: set() for name in KINDS}
    assert {point for points in killed.values() for point in points} >= set(test_effects.POINTS)


def test_every_error_says_when_it_arises() -> None:
    """The docstring is the explanation that docs and pages show."""
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert len(classes) > 20
    assert [each.__name__ for each in classes if not (each.__doc__ or "").strip()] == []


def test_nothing_happens_on_import() -> None:
    """No folder is made and no environment is read by importing every module."""
    code = (
        "import pkgutil, importlib, os, pathlib\n"
        "before = sorted(pathlib.Path.home().rglob('.countersign*'))\n"
        "for name in ('contracts','workflows','activities','sandboxes','ledger','console','workers'):\n"
        "    package = importlib.import_module(name)\n"
        "    for found in pkgutil.walk_packages(package.__path__, name + '.'):\n"
        "        if not found.name.endswith(('__main__', 'env')): importlib.import_module(found.name)\n"
        "print(os.listdir('.'))"
    )
    run(sys.executable, "-c", code)


def test_nothing_speaks_of_the_machine_it_was_written_on() -> None:
    forbidden = re.compile(r"/work/(main|shared|\.library|\.mirror)|/tmp/(tgo|plan|setup)|artifactory|nexus-proxy")
    guilty = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path != Path(__file__)
        and path.suffix not in (".png", ".jpg", ".json")
        and forbidden.search(path.read_text("utf-8"))
    ]
    assert guilty == []


def test_the_lock_file_names_the_public_index_only() -> None:
    hosts = set(re.findall(r'(?:registry|url) = "https?://([^/"]+)', (ROOT / "uv.lock").read_text()))
    assert hosts <= {"pypi.org", "files.pythonhosted.org"}


def test_files_can_be_held_in_the_head() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in tracked("*.py")
        if not path.is_relative_to(ROOT / "tests") and (count := len(path.read_text().splitlines())) > 400
    }
    assert long == {}
