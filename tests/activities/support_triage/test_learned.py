"""A model is fitted once, also where the worker starts again; one that can't be read is fitted again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from activities.support_triage import learned, shelf
from activities.support_triage.encoders import FILE, best
from activities.toolbox import Toolbox
from contracts.support import Examples, Material
from tests.activities.effect_world import World
from tests.activities.support_triage.test_desk import history, ticket
from workers.settings import Settings
from workers.worker import toolbox


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Toolbox]:
    world = World.open(tmp_path)
    learned._known.clear()
    yield toolbox(Settings(state=tmp_path), world.ledger, models=True)
    world.ledger.close()


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many examples each fit had."""
    made, real = list[int](), learned.Desk.fit.__func__  # type: ignore[attr-defined]

    def fit(cls: type, examples: list[object], *rest: object, **more: object) -> object:
        made.append(len(examples))
        return real(cls, examples, *rest, **more)

    monkeypatch.setattr(learned.Desk, "fit", classmethod(fit))
    return made


def part(tools: Toolbox, seed: int, count: int = 60) -> str:
    made = [each.model_copy(update={"key": f"{seed}#{each.id}"}) for each in history(count, seed)]
    return tools.artifacts.put_model(Examples(examples=tuple(made)))


def made(tools: Toolbox, material: Material, told: list[str] | None = None) -> learned.Desk:
    """As a worker that has just started has it."""
    learned._known.clear()
    return learned.desk(tools, material, (told if told is not None else []).append)


def test_a_worker_that_starts_again_fits_nothing_and_says_the_same(tools: Toolbox, fits: list[int]) -> None:
    material = Material(fitted=(part(tools, 0),), later=(part(tools, 1, 5),))
    asked = [ticket("1", "where is my lamp?"), ticket("2", "the moon is made of green cheese")]
    first, second = made(tools, material).triage(asked), made(tools, material).triage(asked)
    assert first == second
    assert fits == [60]


def test_a_damaged_model_is_fitted_again_with_a_note(tools: Toolbox, fits: list[int]) -> None:
    material, told = Material(fitted=(part(tools, 0),)), list[str]()
    made(tools, material)
    [(_, ref)] = json.loads(tools.ledger.cursor(shelf.SHELF))
    file = next(tools.state.rglob(ref.removeprefix("sha256:")[2:]))
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-100])
    made(tools, material, told)
    assert fits == [60, 60]
    assert any("kept model can't be read" in each for each in told)
    made(tools, material)
    assert fits == [60, 60]


def test_what_was_erased_is_not_known_any_more(tools: Toolbox, fits: list[int]) -> None:
    gone = part(tools, 1, 20)
    material = Material(fitted=(part(tools, 0), gone))
    learned.desk(tools, material, print)
    tools.artifacts.erase(gone)
    learned.desk(tools, material, print)
    assert fits == [80, 60]


def test_no_more_models_are_kept_than_there_is_room_for(
    tools: Toolbox, fits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "PLACES", 2)
    materials = [Material(fitted=(part(tools, seed, 24),)) for seed in range(3)]
    for material in materials:
        made(tools, material)
    refs = [ref for _, ref in json.loads(tools.ledger.cursor(shelf.SHELF))]
    assert len(refs) == 2
    assert all(map(tools.artifacts.has, refs))
    made(tools, materials[0])
    assert len(fits) == 4


@pytest.mark.parametrize("where", ["state", "tools"])
def test_the_sentence_model_is_found_where_it_was_put(
    tools: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    assert best(tools.embeddings).name == "word-vectors-1"
    monkeypatch.delenv("COUNTERSIGN_EMBEDDINGS")
    folder = tmp_path / where / "embeddings"
    folder.mkdir(parents=True)
    (folder / FILE).touch()
    settings = Settings(state=tmp_path / "state", tools=tmp_path / "tools")
    assert best(toolbox(settings, tools.ledger, models=True).embeddings).name == "bge-small-en-v1.5-q8"
    assert best(replace(tools, embeddings=None).embeddings).name == "word-vectors-1"


def test_the_script_puts_it_where_a_worker_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERSIGN_EMBEDDINGS")
    root = Path(learned.__file__).parents[2]
    script = (root / "deploy/bin/embeddings").read_text()
    assert "FOLDER=$PWD/.tools/embeddings" in script
    monkeypatch.setattr(Path, "is_dir", lambda each: each == root / ".tools" / "embeddings")
    assert Settings(state=tmp_path, tools=tmp_path).sentence_model == root / ".tools" / "embeddings"
