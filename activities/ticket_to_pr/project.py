"""How a project is tested, from its own files. Pure: what is read is given, and nothing of it is run."""

import configparser
import json
import re
import tomllib
from collections.abc import Mapping, Sequence

from activities.machine import toolchain
from activities.ticket_to_pr.needs import uses_plugins
from contracts.ticket import Project

# Read where they are there, at the top of the repository.
FILES = (
    *("pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg", "setup.py", "Makefile", "package.json"),
    *("Cargo.toml", "go.mod", "pom.xml", "build.gradle"),
)
PYTEST = ("python3", "-m", "pytest", "-q")
UNITTEST = ("python3", "-m", "unittest", "discover")
# A plugin that the machine happens to have is no part of a project that does not name one.
NO_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
QUIET = {"PYTHONDONTWRITEBYTECODE": "1"}


def found_out(files: Mapping[str, str], names: Sequence[str], given: Sequence[str] = ()) -> Project:
    """`files`: the text of those of FILES that are there. `names`: all paths of the repository. `given`: a person's
    word on the test command, which beats everything."""
    found = _said(given) if given else None
    for look in (_python, _node, _cargo, _go, _make):
        found = found or look(files, names)
    if found is None:
        return Project(why="None of its files says how it is tested.")
    if not found.is_pytest or uses_plugins(files):
        return found
    return found.model_copy(update={"environment": {**found.environment, **NO_PLUGINS}})


def _said(given: Sequence[str]) -> Project:
    return _project("", given, "a person said so", is_pytest=any(word.endswith("pytest") for word in given))


def _project(
    language: str,
    test: Sequence[str],
    why: str,
    *,
    is_pytest: bool = False,
    lint: Sequence[str] = (),
    src: bool = False,
) -> Project:
    path = ["src"] if src else []
    environment = {**QUIET, "PYTHONPATH": ":".join([*path, ".", toolchain.PYTHON])} if is_pytest else dict(QUIET)
    return Project(
        language=language,
        test=tuple(test),
        lint=tuple(lint),
        why=why,
        is_pytest=is_pytest,
        environment=environment,
    )


def _python(files: Mapping[str, str], names: Sequence[str]) -> Project | None:
    tests = [name for name in names if re.search(r"(^|/)(test_[^/]*|[^/]*_test)\.py$", name)]
    pyproject = _toml(files.get("pyproject.toml", ""))
    says = next(
        filter(None, (_pytest_in(files, pyproject), f"{tests[0]} is named as pytest's are" if tests else "")), ""
    )
    if not says:
        return None
    lint = ("ruff", "check", "--no-cache", ".") if "ruff" in _tools(pyproject) or "ruff.toml" in names else ()
    in_src = any(name.startswith("src/") and name.endswith(".py") for name in names)
    if _is_unittest(files) and not _pytest_in(files, pyproject):
        return _project("Python", UNITTEST, "its Makefile or tox.ini runs unittest", lint=lint)
    return _project("Python", PYTEST, says, is_pytest=True, lint=lint, src=in_src)


def _pytest_in(files: Mapping[str, str], pyproject: Mapping[str, object]) -> str:
    if "pytest" in _tools(pyproject):
        return "pyproject.toml has [tool.pytest]"
    if "pytest.ini" in files:
        return "there is a pytest.ini"
    for name, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(files.get(name, ""))
        except configparser.Error:
            continue
        if parser.has_section(section):
            return f"{name} has [{section}]"
    return ""


def _is_unittest(files: Mapping[str, str]) -> bool:
    return any("unittest" in files.get(name, "") for name in ("Makefile", "tox.ini"))


def _tools(pyproject: Mapping[str, object]) -> Mapping[str, object]:
    tools = pyproject.get("tool")
    return tools if isinstance(tools, dict) else {}


def _toml(text: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _node(files: Mapping[str, str], names: Sequence[str]) -> Project | None:
    try:
        read = json.loads(files.get("package.json", ""))
        command = read["scripts"]["test"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(command, str) or "no test specified" in command:
        return None
    return _project("JavaScript", ("npm", "test", "--silent"), "package.json has a test script")


def _cargo(files: Mapping[str, str], names: Sequence[str]) -> Project | None:
    if "Cargo.toml" not in files:
        return None
    return _project("Rust", ("cargo", "test", "--offline", "--quiet"), "there is a Cargo.toml")


def _go(files: Mapping[str, str], names: Sequence[str]) -> Project | None:
    if "go.mod" not in files:
        return None
    return _project("Go", ("go", "test", "./..."), "there is a go.mod")


def _make(files: Mapping[str, str], names: Sequence[str]) -> Project | None:
    for target in ("test", "check"):
        if re.search(rf"^{target}\s*:(?!=)", files.get("Makefile", ""), re.MULTILINE):
            return _project("", ("make", target), f"its Makefile has a target {target!r}")
    return None
