"""docs/running.md is read by people in trouble: its tables have to be true."""

import re
from pathlib import Path

from contracts.search import TYPES
from workers.devserver import CLI_VERSION
from workers.devserver.server import DYNAMIC_CONFIG
from workers.settings import Settings
from workers.supervisor.children import MODEL_NAMES

TEXT = (Path(__file__).parents[2] / "docs" / "running.md").read_text()


def test_every_setting_is_in_the_table_and_nothing_else() -> None:
    named = set(re.findall(r"`(COUNTERSIGN_[A-Z_]+)`", TEXT.split("## Settings")[1].split("## The state folder")[0]))
    known = {f"COUNTERSIGN_{name.upper()}" for name in Settings.model_fields} | {"COUNTERSIGN_MODEL"}
    assert named == known


def test_the_model_names_are_those_that_agents_see() -> None:
    assert [name for name in MODEL_NAMES if f"`{name}`" not in TEXT] == []


def test_the_command_for_search_attributes_has_them_all() -> None:
    assert [name for name, kind in TYPES.items() if f"--name {name} --type {kind}" not in TEXT] == []


def test_the_servers_settings_and_version_are_those_we_use() -> None:
    assert f"temporal@v{CLI_VERSION}" in TEXT
    expanded = re.sub(r"(\w+\.\w*?)\{([\w,]+)\}(\S*?=\S+?)`", _expand, TEXT)
    assert [value for value in DYNAMIC_CONFIG if value not in expanded] == []


def _expand(match: re.Match[str]) -> str:
    """`a.{b,c}d=1` as the shell would write it out."""
    return " ".join(f"{match[1]}{part}{match[3]}" for part in match[2].split(","))
