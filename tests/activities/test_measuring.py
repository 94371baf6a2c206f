"""What the process that carries effects out measures itself, whatever the proposal says of it."""

from pathlib import Path

import pytest

from activities.effects.measuring import LINE, measured
from contracts.errors import NotStanding
from contracts.proposal import DiffPanel, Effect
from tests.activities.effect_world import World


def test_lines_paths_and_what_becomes_of_files(tmp_path: Path) -> None:
    world = World.open(tmp_path)
    repository = world.repository()
    files = {"src/a.py": b"a = 2\n", "b": None, "run.sh": b"x\ny\n"}
    effect = world.change(repository, files, modes={"run.sh": "100755"}, merge_into="main")
    sealed, _ = world.sign(effect)
    [found] = measured(sealed)
    assert (found.kind, found.destination, found.lines) == ("git.change", str(repository), 5)
    assert sorted(found.paths) == ["b", "run.sh", "src/a.py"]
    assert {"on countersign/change-*", "merged into main", "removes a file", "with mode 100755"} <= set(found.details)


def test_nothing_hides_in_one_long_line(tmp_path: Path) -> None:
    world = World.open(tmp_path)
    sealed, _ = world.sign(world.effect(world.repository(), text=b"# Changelog\n" + b"x" * (LINE * 10)))
    assert measured(sealed)[0].lines == 11


def test_a_branch_that_is_called_otherwise_is_told(tmp_path: Path) -> None:
    world = World.open(tmp_path)
    effect = world.effect(world.repository())
    odd = effect.model_copy(update={"params": {**effect.params, "branch": "release-1.0"}})
    sealed, _ = world.sign(odd)
    assert "on release-1.0" in measured(sealed)[0].details


def test_what_is_not_shown_once_or_not_known_is_not_measured(tmp_path: Path) -> None:
    world = World.open(tmp_path)
    effect = world.effect(world.repository())
    twice = DiffPanel(title="x", path="CHANGELOG.md", diff="")
    for fields in ({"panels": ()}, {"panels": (*world.panels(effect), twice)}):
        with pytest.raises(NotStanding, match="not shown once"):
            measured(world.sign(effect, **fields)[0])
    for wrong in (Effect(kind="mail.send", key="k", says="", params={}), effect.model_copy(update={"params": {}})):
        with pytest.raises(NotStanding):
            measured(world.sign(wrong, panels=())[0])
