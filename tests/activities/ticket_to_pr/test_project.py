"""How a project is tested, by its own files."""

import pytest

from activities.ticket_to_pr.project import PYTEST, found_out
from contracts.ticket import Project

NAMES = ["src/app/core.py", "tests/test_core.py"]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q'\n"}, "pyproject.toml"),
        ({"pytest.ini": "[pytest]\n"}, "pytest.ini"),
        ({"tox.ini": "[pytest]\n"}, "tox.ini"),
        ({"setup.cfg": "[tool:pytest]\n"}, "setup.cfg"),
        ({}, "test_core.py"),
        ({"pyproject.toml": "this is [no toml", "setup.cfg": "[[["}, "test_core.py"),
    ],
)
def test_pytest_is_found_by_its_settings_or_its_names(files: dict[str, str], why: str) -> None:
    project = found_out(files, NAMES)
    assert project.test == PYTEST
    assert project.is_pytest
    assert why in project.why
    assert project.environment["PYTHONPATH"].startswith("src:.:")


@pytest.mark.parametrize(
    ("files", "test"),
    [
        ({"package.json": '{"scripts": {"test": "jest"}}'}, ("npm", "test", "--silent")),
        ({"Cargo.toml": "[package]"}, ("cargo", "test", "--offline", "--quiet")),
        ({"go.mod": "module x"}, ("go", "test", "./...")),
        ({"Makefile": "all:\n\ttrue\ntest: all\n\t./run\n"}, ("make", "test")),
        ({"Makefile": "check:\n\t./run\n"}, ("make", "check")),
    ],
)
def test_other_languages(files: dict[str, str], test: tuple[str, ...]) -> None:
    assert found_out(files, ["main.c"]).test == test


@pytest.mark.parametrize(
    "files",
    [{}, {"package.json": "{}"}, {"package.json": "no json"}, {"package.json": "[1]"}, {"Makefile": "test := 1\n"}],
)
def test_where_nothing_says_so_nothing_is_guessed(files: dict[str, str]) -> None:
    assert found_out(files, ["main.c"]) == Project(why="None of its files says how it is tested.")


def test_a_person_knows_best() -> None:
    project = found_out({"go.mod": "module x"}, NAMES, ("python3", "-m", "pytest", "-x"))
    assert project.test == ("python3", "-m", "pytest", "-x")
    assert project.is_pytest
    assert not found_out({}, NAMES, ("./check.sh",)).is_pytest


def test_lint_is_the_projects_own() -> None:
    assert found_out({"pyproject.toml": "[tool.ruff]\n"}, NAMES).lint[0] == "ruff"
    assert found_out({}, NAMES).lint == ()
