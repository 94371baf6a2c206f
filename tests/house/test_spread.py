"""How the tests are spread over processes: what cannot be shared by two of them stays in one."""

from pathlib import Path

import pytest

from tests.support.spread import AHEAD, FIRST, HOUSE, WHOLE, rank, scope

ROOT = Path(__file__).parents[2]
# The engine that one process started would be stopped under the other's tests.
ENGINE = ("docker_engine", "gvisor_engine", "tests.support.docker")
KNOWS = ("tests/conftest.py", "tests/support/docker.py", "tests/house/test_spread.py")


def test_all_that_uses_the_docker_engine_is_in_one_folder() -> None:
    names = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("*.py")
        if any(word in path.read_text() for word in ENGINE)
    }
    users = names - set(KNOWS)
    assert len(users) > 3
    assert [name for name in sorted(users) if not name.startswith(f"{WHOLE}/")] == []


def test_what_comes_first_is_there() -> None:
    assert [folder for folder in FIRST if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize(
    ("test", "together"),
    [
        ("tests/ledger/test_batch.py::test_a[postgres-x::y/z]", "tests/ledger"),
        ("tests/sandboxes/egress/test_docker.py::test_a", "tests/sandboxes"),
        ("tests/activities/models/test_x.py::test_a", "tests/activities/models"),
    ],
)
def test_a_folder_stays_together(test: str, together: str) -> None:
    assert scope(test) == together


def test_the_longest_come_first_and_the_house_to_the_process_that_started_mypy() -> None:
    folders = ["tests/docs", HOUSE, *reversed(FIRST)]
    assert sorted(folders, key=lambda folder: rank(folder, AHEAD)) == [*FIRST, HOUSE, "tests/docs"]
    assert sorted(folders, key=lambda folder: rank(folder, "gw1")) == [*FIRST, "tests/docs", HOUSE]
