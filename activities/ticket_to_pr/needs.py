"""Which packages a project's tests need, from its own files. Pure: what is read is given, and nothing of it is run."""

import configparser
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from contracts.install import Needs

# Read where they are there, at the top of the repository.
REQUIREMENTS = (
    *("requirements.txt", "requirements-dev.txt", "requirements-test.txt", "requirements-tests.txt"),
    *("dev-requirements.txt", "test-requirements.txt", "requirements_dev.txt", "requirements_test.txt"),
)
FILES = ("pyproject.toml", "setup.cfg", *REQUIREMENTS, "uv.lock", "poetry.lock", "package.json", "package-lock.json")
GROUPS = ("test", "tests", "testing", "dev")
NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
PLUGINS = re.compile(
    r"pytest[-_][a-z]|pytest11|required_plugins|\banyio\b|\bhypothesis\b|DJANGO_SETTINGS_MODULE|^(asyncio_mode|timeout)\s*="
    r"|--(cov|asyncio|timeout|reruns|dist|numprocesses|randomly|benchmark|mypy|flake8|black|ds)\b|(^|\s)-n\s*(auto|\d)",
    re.MULTILINE,
)
LOCKS = ("uv.lock", "poetry.lock")


def needs(files: Mapping[str, str]) -> Needs:
    """`files`: the text of those of FILES that are there."""
    return _python(files) or _node(files) or Needs()


def _python(files: Mapping[str, str]) -> Needs | None:
    pyproject = _toml(files.get("pyproject.toml", ""))
    own = _canonical(str(_table(pyproject, "project").get("name") or ""))
    named = [each for each in (*_declared(pyproject), *_setup_cfg(files)) if _name(each) not in ("", own)]
    lists = [name for name in REQUIREMENTS if name in files]
    pinned = [f"{name}=={version}" for name, version in _locked(files) if _canonical(name) != own]
    only_locked = not named and not lists and "poetry.lock" in files
    if not named and not lists and not only_locked:
        return None
    told = [*lists, *(name for name in ("pyproject.toml", "setup.cfg") if named and name in files)]
    told += [name for name in LOCKS if name in files]
    return Needs(
        kind="pip",
        requirements=tuple(dict.fromkeys(pinned if only_locked else named)),
        lists=tuple(lists),
        constraints=() if only_locked else tuple(pinned),
        says=", ".join(told),
    )


def _declared(pyproject: Mapping[str, Any]) -> Iterable[str]:
    """PEP 621's dependencies, and its and PEP 735's groups for tests."""
    project = _table(pyproject, "project")
    yield from _strings(project.get("dependencies"))
    for groups in (_table(project, "optional-dependencies"), _table(pyproject, "dependency-groups")):
        for name in GROUPS:
            yield from _strings(groups.get(name))


def _setup_cfg(files: Mapping[str, str]) -> Iterable[str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(files.get("setup.cfg", ""))
    except configparser.Error:
        return
    yield from parser.get("options", "install_requires", fallback="").split("\n")
    for name in GROUPS:
        yield from parser.get("options.extras_require", name, fallback="").split("\n")


def _locked(files: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Versions that a lock file settles. One that it has twice, by the platform, is left open."""
    text = next((files[name] for name in LOCKS if name in files), "")
    found: dict[str, set[str]] = {}
    for each in _toml(text).get("package", []):
        if isinstance(each, dict) and "version" in each and not {"editable", "virtual"} & set(each.get("source", {})):
            found.setdefault(str(each.get("name", "")), set()).add(str(each["version"]))
    return [(name, min(versions)) for name, versions in found.items() if len(versions) == 1 and NAME.match(name)]


def _node(files: Mapping[str, str]) -> Needs | None:
    try:
        read = json.loads(files.get("package.json", ""))
    except ValueError:
        return None
    if not isinstance(read, dict) or not (read.get("dependencies") or read.get("devDependencies")):
        return None
    lock = "package-lock.json" in files
    return Needs(kind="npm", locked=lock, says="package-lock.json" if lock else "package.json")


def uses_plugins(files: Mapping[str, str]) -> bool:
    """Whether the project names a plugin of pytest's, or an option of one: then plugins are loaded as usual."""
    return any(PLUGINS.search(text) for name, text in files.items() if name not in LOCKS)


def _toml(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _table(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def _strings(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _name(requirement: str) -> str:
    found = NAME.match(requirement)
    return _canonical(found.group(1)) if found else ""


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
