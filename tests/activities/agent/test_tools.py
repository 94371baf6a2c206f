"""The tools, in a real sandbox on a real repository: what they do, and what they tell a model that errs."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from activities.agent.desk import Desk
from activities.agent.tools import TOOLS, ToolProblem, chosen, declared
from activities.agent.tools.tool import checked
from contracts.errors import AccessRefused, CountersignError, NotFound
from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap, Mount, choose
from tests.support.repositories import Commit, build

FILES = {
    "src/calc.py": b"def add(a, b):\n    return a - b\n\n\ndef sub(a, b):\n    return a - b\n",
    "tests/test_calc.py": b"from src.calc import add\n\n\ndef test_add():\n    assert add(2, 2) == 4\n",
    "run.sh": b"#!/bin/sh\necho ran\n",
    "data.bin": b"\0\1\2",
    "latin.txt": b"caf\xe9\n",
    ".gitignore": b"*.log\n",
}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Bubblewrap:
    return choose(tmp_path_factory.mktemp("sandboxes"))


@pytest.fixture
async def desk(provider: Bubblewrap, tmp_path: Path) -> AsyncIterator[Desk]:
    source = build(tmp_path / "repo", [Commit("First", FILES), Commit("Second: touch calc", {"README": b"hello\n"})])
    git_dir = source if (source / "HEAD").is_file() else source / ".git"
    policy = SandboxPolicy(memory_bytes=256 << 20, wall_seconds=30, disk_bytes=64 << 20)
    async with await provider.create(policy, mounts=[Mount(git_dir, "/source")]) as box:
        done = await box.exec(["git", "-c", "safe.directory=*", "clone", "-q", "/source", "/work/repository"])
        assert done.exit_code == 0, done.stderr
        await box.exec(["chmod", "755", "/work/repository/run.sh"])
        yield Desk(box, test=("python3", "-m", "unittest"), limit=2000)


async def use(desk: Desk, name: str, **given: Any) -> str:
    tool = TOOLS[name]
    return await tool.use(desk, checked(tool, given))


async def test_find_knows_folders_and_ignores_what_git_ignores(desk: Desk) -> None:
    await use(desk, "write", path="noise.log", text="x")
    assert await use(desk, "find", pattern="**/*calc*") == "src/calc.py\ntests/test_calc.py"
    assert "noise" not in await use(desk, "find", pattern="**")
    assert "`**/calc.py`" in await use(desk, "find", pattern="calc.py")


async def test_grep_gives_path_line_and_text(desk: Desk) -> None:
    assert await use(desk, "grep", pattern=r"def \w+", glob="calc.py") == (
        "src/calc.py:1: def add(a, b):\nsrc/calc.py:5: def sub(a, b):"
    )
    assert "matches" in await use(desk, "grep", pattern="nowhere to be found")
    with pytest.raises(CountersignError, match="pattern"):
        await use(desk, "grep", pattern="(")


async def test_list_hides_git(desk: Desk) -> None:
    names = (await use(desk, "list")).split("\n")
    assert "src/" in names
    assert ".git/" not in names


async def test_read_numbers_lines_and_says_how_to_go_on(desk: Desk) -> None:
    assert await use(desk, "read", path="src/calc.py", first=5, last=6) == (
        "    5\tdef sub(a, b):\n    6\t    return a - b"
    )
    await use(desk, "write", path="long.txt", text="".join(f"line {n}\n" for n in range(1000)))
    part = await use(desk, "read", path="long.txt")
    assert "more lines: read on with first=" in part
    assert len(part) < 2200
    with pytest.raises(ToolProblem, match="6 lines"):
        await use(desk, "read", path="src/calc.py", first=50)


@pytest.mark.parametrize(("path", "why"), [("data.bin", "binary"), ("latin.txt", "UTF-8")])
async def test_what_is_no_text_is_said(desk: Desk, path: str, why: str) -> None:
    with pytest.raises(ToolProblem, match=why):
        await use(desk, "read", path=path)


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "nowhere.py"])
async def test_no_path_leads_out(desk: Desk, path: str) -> None:
    for name, more in (("read", {}), ("edit", {"old": "a", "new": "b"}), ("list", {})):
        with pytest.raises((AccessRefused, NotFound)):
            await use(desk, name, path=path, **more)


async def test_edit_replaces_the_one_place(desk: Desk) -> None:
    with pytest.raises(ToolProblem, match=r"2 times \(lines 2, 6\)"):
        await use(desk, "edit", path="src/calc.py", old="    return a - b", new="    return a + b")
    await use(
        desk, "edit", path="src/calc.py", old="(a, b):\n    return a - b\n\n", new="(a, b):\n    return a + b\n\n"
    )
    assert (await desk.sandbox.read("repository/src/calc.py")).count(b"a + b") == 1


async def test_edit_shows_what_is_nearest(desk: Desk) -> None:
    with pytest.raises(ToolProblem, match=r"line 1: 'def add\(a, b\):'"):
        await use(desk, "edit", path="src/calc.py", old="def add(a, c):", new="x")
    await use(desk, "write", path="dos.txt", text="one\r\ntwo\r\n")
    with pytest.raises(ToolProblem, match=r"\\r"):
        await use(desk, "edit", path="dos.txt", old="one\ntwo", new="x")


async def test_an_executable_file_stays_one(desk: Desk) -> None:
    await use(desk, "edit", path="run.sh", old="ran", new="ran on")
    assert "ran on" in await use(desk, "run", command="./run.sh")


async def test_a_patch_applies_whole_or_not_at_all(desk: Desk) -> None:
    header = "--- a/src/calc.py\n+++ b/src/calc.py\n@@ -1,3 +1,3 @@\n"
    hunk = header + " def add(a, b):\n-    return a {}\n+    return a + b\n \n"
    both = hunk.format("- b") + "--- a/README\n+++ b/README\n@@ -1 +1 @@\n-goodbye\n+hello\n"
    with pytest.raises(ToolProblem, match="nothing was changed"):
        await use(desk, "patch", patch=both)
    assert b"a + b" not in await desk.sandbox.read("repository/src/calc.py")
    await use(desk, "patch", patch=hunk.format("- b"))
    assert b"a + b" in await desk.sandbox.read("repository/src/calc.py")


async def test_run_tells_code_output_and_time(desk: Desk) -> None:
    said = await use(desk, "run", command="echo out; echo err >&2; exit 3")
    assert said.startswith("exit code 3")
    assert "out\n[stderr]\nerr" in said
    assert "time was up" in await use(desk, "run", command="sleep 9", seconds=0.3)
    flood = await use(desk, "run", command="seq 100000")
    assert "left out" in flood
    assert flood.endswith("100000")


async def test_tests_run_by_the_projects_command(desk: Desk) -> None:
    assert "exit code 1" in await use(desk, "test", arguments=("no.such.test",))
    without = Desk(desk.sandbox)
    with pytest.raises(ToolProblem, match="not known"):
        await use(without, "test")


async def test_commands_have_what_the_projects_tests_need(desk: Desk) -> None:
    own = Desk(desk.sandbox, test=("sh", "-c", "echo $PYTHONPATH"), environment={"PYTHONPATH": "src:."})
    assert "src:." in await use(own, "test")
    assert "src:." in await use(own, "run", command="echo $PYTHONPATH")


async def test_history(desk: Desk) -> None:
    log = await use(desk, "git_log")
    assert "Second: touch calc" in log
    assert "First" in await use(desk, "git_log", path="src/calc.py")
    assert "touch" not in await use(desk, "git_log", path="src/calc.py")
    assert "def add" in await use(desk, "git_blame", path="src/calc.py", first=1, last=1)
    assert "+hello" in await use(desk, "git_show", commit=log.split()[0])
    with pytest.raises(ToolProblem, match="git says"):
        await use(desk, "git_show", commit="nowhere")
    with pytest.raises(ToolProblem, match="commit"):
        await use(desk, "git_show", commit="--output=/work/x")


def test_arguments_that_are_wrong_are_named() -> None:
    with pytest.raises(ToolProblem, match=r"path: Field required; .*lines: Extra"):
        checked(TOOLS["read"], {"lines": 3})


def test_each_tool_is_told_of_itself() -> None:
    for name, tool in TOOLS.items():
        made = declared(tool)
        assert made.name == name
        assert made.schema_["additionalProperties"] is False
        assert len(made.description) > 20
    assert [tool.name for tool in chosen(("grep", "find"))] == ["find", "grep"]
    assert {name for name, tool in TOOLS.items() if tool.changes} == {"edit", "write", "patch", "run", "test"}
