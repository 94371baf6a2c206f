"""Files of a hosted sandbox: written, read, listed, searched and compared, and never through a link out of /work."""

import os

import pytest

from contracts.errors import AccessRefused, BadInput, NotARepository, NotFound, UnknownRange
from sandboxes import Match
from sandboxes.hosted.machine import HostedSandbox

REPOSITORY = """
git init -q r && cd r && git config user.email a@b && git config user.name a
echo one > file && git add . && git commit -qm first && echo two >> file && echo new > fresh
"""


async def test_what_is_written_is_read(far: HostedSandbox) -> None:
    for data in (b"", b"\0\xff" * 10, os.urandom(1 << 20)):
        await far.write("a/b/c", data, mode=0o750)
        assert await far.read("/work/a/b/c") == data
    assert (await far.exec(["stat", "-c", "%a", "a/b/c"])).stdout == b"750\n"
    assert await far.list("a") == ["b/"]
    assert await far.list("a/b") == ["c"]


async def test_names_that_are_no_text(far: HostedSandbox) -> None:
    name = "caf\udce9\nline"
    await far.write(name, b"x")
    assert await far.read(name) == b"x"
    assert await far.list() == [name]
    await far.write("n" * 255, b"y")
    assert await far.read("n" * 255) == b"y"
    with pytest.raises(BadInput):
        await far.write("n" * 256, b"z")


@pytest.mark.parametrize("path", ["../etc/passwd", "/etc/passwd", "a/../../etc/passwd", "out/passwd", "passwd"])
async def test_nothing_leads_out(far: HostedSandbox, path: str) -> None:
    await far.exec(["sh", "-c", "ln -s /etc out; ln -s /etc/passwd passwd; mkdir a"])
    with pytest.raises(AccessRefused):
        await far.read(path)
    if path not in ("passwd", "/etc/passwd"):
        with pytest.raises(AccessRefused):
            await far.write(path + "/x", b"")
    with pytest.raises(AccessRefused):
        await far.list("out")


async def test_a_link_within_is_followed_and_one_that_is_written_to_is_replaced(far: HostedSandbox) -> None:
    await far.exec(["sh", "-c", "echo in > file; ln -s file link; ln -s /etc/passwd passwd"])
    assert await far.read("link") == b"in\n"
    await far.write("passwd", b"mine")
    assert await far.read("passwd") == b"mine"


async def test_what_is_no_file(far: HostedSandbox) -> None:
    await far.exec(["sh", "-c", "mkfifo pipe; mkdir folder; ln -s loop loop; echo 12345 > five"])
    for path, error in (("pipe", BadInput), ("folder", BadInput), ("loop", AccessRefused), ("none", NotFound)):
        with pytest.raises(error):
            await far.read(path)
    with pytest.raises(BadInput, match="larger"):
        await far.read("five", limit=5)
    assert await far.read("five", limit=6) == b"12345\n"
    for path in ("", ".", "folder/..", "a\0b"):
        with pytest.raises(BadInput):
            await far.write(path, b"")
    with pytest.raises(BadInput):
        await far.list("five")


async def test_search_finds_what_ripgrep_finds(far: HostedSandbox) -> None:
    await far.write("src/a.py", b"def one():\n    pass\n")
    await far.write("src/b.txt", b"def two\n")
    found = await far.search(r"def \w+", glob="*.py")
    assert found.matches == (Match("src/a.py", 1, "def one():"),)
    assert (await far.search("one()", literal=True)).matches == found.matches
    assert (await far.search("def", limit=1)).truncated
    with pytest.raises(BadInput):
        await far.search("(")
    with pytest.raises(NotFound):
        await far.search("x", path="none")


async def test_diff_shows_new_files_and_touches_nothing(far: HostedSandbox) -> None:
    assert (await far.exec(["sh", "-c", REPOSITORY])).exit_code == 0
    before = (await far.exec(["sh", "-c", "cd r; find . | sort; cat .git/index | sha256sum"])).stdout
    for _ in range(2):
        text = (await far.diff(folder="r")).text
        assert b"+two" in text
        assert b"+new" in text
    assert (await far.exec(["sh", "-c", "cd r; find . | sort; cat .git/index | sha256sum"])).stdout == before
    with pytest.raises(UnknownRange):
        await far.diff(folder="r", base="nope")
    with pytest.raises(NotARepository):
        await far.diff()
