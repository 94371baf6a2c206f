"""Which packages a project's tests need, by its own files, and whether it needs plugins of pytest's."""

import json

import pytest

from activities.ticket_to_pr.needs import needs, uses_plugins
from activities.ticket_to_pr.project import found_out

PYPROJECT = """\
[project]
name = "My.App"
dependencies = ["attrs>=23", "my-app[extra]"]

[project.optional-dependencies]
test = ["pytest-asyncio"]
docs = ["sphinx"]

[dependency-groups]
dev = ["freezegun", {include-group = "lint"}]
"""
UV_LOCK = """\
[[package]]
name = "my-app"
version = "1"
source = { editable = "." }

[[package]]
name = "attrs"
version = "23.2.0"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "numpy"
version = "1.26"

[[package]]
name = "numpy"
version = "2.0"
"""


def test_pyproject_with_its_groups_and_its_lock() -> None:
    found = needs({"pyproject.toml": PYPROJECT, "uv.lock": UV_LOCK})
    assert found.kind == "pip"
    assert found.requirements == ("attrs>=23", "pytest-asyncio", "freezegun")
    assert found.constraints == ("attrs==23.2.0",), "neither itself, nor what is there twice"
    assert found.says == "pyproject.toml, uv.lock"


def test_setup_cfg_and_requirements_files() -> None:
    cfg = "[options]\ninstall_requires =\n    six\n    attrs>=1\n[options.extras_require]\ntests =\n    freezegun\n"
    found = needs({"setup.cfg": cfg, "requirements-dev.txt": "pytest-mock\n"})
    assert found.requirements == ("six", "attrs>=1", "freezegun")
    assert found.lists == ("requirements-dev.txt",)


def test_poetry_s_lock_alone_is_enough() -> None:
    lock = '[[package]]\nname = "six"\nversion = "1.16.0"\n'
    assert needs({"pyproject.toml": "[tool.poetry]\nname = 'x'\n", "poetry.lock": lock}).requirements == (
        "six==1.16.0",
    )


@pytest.mark.parametrize("locked", [True, False])
def test_npm(locked: bool) -> None:
    files = {"package.json": json.dumps({"devDependencies": {"jest": "29"}})} | (
        {"package-lock.json": "{}"} if locked else {}
    )
    found = needs(files)
    assert (found.kind, found.locked) == ("npm", locked)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"pyproject.toml": "not [toml"},
        {"pyproject.toml": "[project]\nname = 'x'\n"},
        {"package.json": "[]"},
        {"setup.cfg": "[["},
        {"pyproject.toml": "project = 1\ndependency-groups = 2\n"},
    ],
)
def test_what_asks_for_nothing(files: dict[str, str]) -> None:
    assert needs(files).kind == ""


@pytest.mark.parametrize(
    ("files", "uses"),
    [
        ({}, False),
        ({"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q'\n"}, False),
        ({"requirements-dev.txt": "pytest>=8\npytest-asyncio\n"}, True),
        ({"pyproject.toml": "[tool.pytest.ini_options]\nasyncio_mode = 'auto'\n"}, True),
        ({"pytest.ini": "[pytest]\naddopts = --cov=app\n"}, True),
        ({"tox.ini": "[pytest]\naddopts = -n auto\n"}, True),
        ({"setup.py": "setup(tests_require=['hypothesis'])"}, True),
        ({"uv.lock": 'name = "pytest-asyncio"'}, False),
    ],
)
def test_plugins_are_loaded_where_the_project_names_one(files: dict[str, str], uses: bool) -> None:
    assert uses_plugins(files) == uses
    project = found_out(files, ["test_a.py"])
    assert ("PYTEST_DISABLE_PLUGIN_AUTOLOAD" in project.environment) == (not uses)


def test_with_an_environment_of_its_own_its_python_runs_the_tests() -> None:
    project = found_out({}, ["src/app.py", "test_a.py"]).using("/work/.countersign-env/bin/python")
    assert project.test[:3] == ("/work/.countersign-env/bin/python", "-m", "pytest")
    assert project.environment["PYTHONPATH"] == "src:."
    assert project.environment["PATH"].startswith("/work/.countersign-env/bin:")
