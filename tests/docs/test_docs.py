"""What the documentation names is there: commands, options, links, settings, benches."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from activities.models import environment as model_environment
from workers.cli import app
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS: Any = typer.main.get_command(app)

# A command as it is written in prose and code: up to the end of the code, or what a shell would end it at.
CALL = re.compile(r"(?<![\w/-])(?:\.venv/bin/)?countersign ([a-z][^`\n#|;&]*)")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def codes(text: str) -> Iterator[str]:
    """Fenced blocks line by line, and what stands in backticks."""
    for block in re.findall(r"^```[^\n]*\n(.*?)^```", text, re.M | re.S):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def calls(page: Path) -> list[str]:
    return [found.strip() for code in codes(page.read_text()) for found in CALL.findall(code)]


def wrong(call: str) -> str:
    """What is wrong with a command line; empty if nothing is."""
    command, words = COMMANDS, shlex.split(call.replace("…", ""))
    while words and hasattr(command, "commands"):
        name = words.pop(0)
        if name not in command.commands:
            return f"there is no command {name!r}"
        command = command.commands[name]
    known = {name for parameter in command.params for name in parameter.opts + parameter.secondary_opts} | {"--help"}
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    if command.context_settings.get("ignore_unknown_options"):
        return ""
    return "".join(f"no option {option!r} " for option in options if option not in known)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_is_one(page: Path) -> None:
    assert {call: told for call in calls(page) if (told := wrong(call))} == {}


def test_the_commands_are_found_at_all() -> None:
    assert "run changelog ." in calls(ROOT / "README.md")
    assert wrong("open") == "there is no command 'open'"
    assert wrong("approve ID --never") == "no option '--never' "


def test_messages_name_commands_that_exist() -> None:
    """In the code, what a person is told to run stands in backticks."""
    told = {}
    for folder in ("contracts", "workflows", "activities", "sandboxes", "ledger", "console", "workers"):
        for path in [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.html"), *(ROOT / folder).rglob("*.js")]:
            for call in re.findall(r"(?:`|<code>)countersign ([a-z][^`<\n{]*)", path.read_text()):
                if complaint := wrong(call.split("{")[0]):
                    told[f"{name(path)}: {call}"] = complaint
    assert told == {}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = [link.partition("#")[0] for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [target for target in targets if target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_setting_is_read(page: Path) -> None:
    known = {f"COUNTERSIGN_{field.upper()}" for field in Settings.model_fields}
    sources = [Path(str(model_environment.__file__)).parent, ROOT / "sandboxes" / "hosted"]
    files = [path for source in sources for path in source.glob("*.py")]
    known |= {found for path in files for found in re.findall(r"COUNTERSIGN_[A-Z_]+", path.read_text())}
    known |= {"COUNTERSIGN_DEBUG", "COUNTERSIGN_FAULT", "COUNTERSIGN_FAULT_ONCE", "COUNTERSIGN_TEST_POSTGRES_URL"}
    assert set(re.findall(r"COUNTERSIGN_[A-Z_]*[A-Z]", page.read_text())) - known == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_bench_is_there(page: Path) -> None:
    named = set(re.findall(r"tests\.bench\.(\w+)", page.read_text()))
    assert [bench for bench in named if not (ROOT / "tests" / "bench" / f"{bench}.py").is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_named_is_there(page: Path) -> None:
    """But for those that `countersign new standup` writes."""
    named = re.findall(
        r"`((?:contracts|workflows|activities|sandboxes|ledger|workers|tests|docs)/[\w./]+)`", page.read_text()
    )
    assert [path for path in named if "standup" not in path and not (ROOT / path).exists()] == []
