"""Search and diff, by the tools inside."""

import os

import pytest

from contracts.errors import AccessRefused, BadInput, NotARepository, NotFound, UnknownRange
from contracts.policy import SandboxPolicy
from sandboxes import Match, Sandbox, SandboxProvider
from sandboxes import search as searching


@pytest.fixture(params=["ripgrep", "grep"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ripgrep, and as on a host without it."""
    if request.param == "grep":
        monkeypatch.setattr(searching, "RIPGREP", ("no-such-ripgrep", *searching.RIPGREP[1:]))


@pytest.mark.usefixtures("either")
async def test_lines_are_found_sorted_and_with_their_place(box: Sandbox) -> None:
    odd = "caf\udce9\nnewline"
    for path in ("b.txt", "a/deep.py", ".hidden", ".git/config", odd, "--flag"):
        await box.write(path, b"first\nthe needle 12: here\n")
    await box.write("binary", b"needle 34\n\0" + b"needle 12")
    found = await box.search(r"needle \d+")
    expected = sorted([".hidden", "a/deep.py", "b.txt", odd, "--flag"])
    assert [match.path for match in found.matches if match.path != "binary"] == expected
    assert found.matches[-1].text in ("the needle 12: here", "needle 34")
    assert not found.truncated
    assert await box.search("needle", path="a") == await box.search("needle 12", path="/work/a", literal=True)
    assert (await box.search("needle", glob="*.py")).matches == (Match("a/deep.py", 2, "the needle 12: here"),)
    assert (await box.search("nothing of the kind")).matches == ()


@pytest.mark.usefixtures("either")
async def test_a_search_is_bounded(box: Sandbox) -> None:
    await box.write("many", b"x\n" * 10_000)
    await box.write("wide", b"y" * 1_000_000 + b"\n")
    found = await box.search("x", limit=100)
    assert (len(found.matches), found.truncated) == (100, True)
    assert all(len(match.text) <= 2100 for match in (await box.search("y")).matches)


@pytest.mark.usefixtures("either")
async def test_bad_searches_are_told(box: Sandbox) -> None:
    with pytest.raises(BadInput, match="pattern"):
        await box.search("(unclosed")
    with pytest.raises(NotFound):
        await box.search("x", path="nowhere")
    with pytest.raises(AccessRefused):
        await box.search("x", path="/etc")
    assert (await box.search("(unclosed", literal=True)).matches == ()


async def repository(box: Sandbox) -> None:
    script = "git init -q . && echo one > a && git add a && git -c user.name=a -c user.email=a@b commit -qm x"
    assert (await box.exec(["sh", "-c", script])).exit_code == 0


async def test_a_diff_has_changes_and_new_files_and_touches_nothing(box: Sandbox) -> None:
    await repository(box)
    await box.write("a", b"two\n")
    await box.write("new", b"file\n")
    count = ["sh", "-c", "git status --porcelain; git count-objects"]
    before = (await box.exec(count)).stdout
    text = (await box.diff()).text.decode()
    assert "-one\n+two" in text
    assert "new file mode" in text
    assert "+file" in text
    assert (await box.exec(count)).stdout == before
    await box.exec(["git", "add", "a"])
    assert (await box.diff()).text.decode() == text


async def test_bad_diffs_are_told(box: Sandbox) -> None:
    with pytest.raises(NotARepository):
        await box.diff()
    await repository(box)
    for base in ("no-such", "--output=/work/x", ""):
        with pytest.raises(UnknownRange):
            await box.diff(base=base)


async def test_environment_by_name(provider: SandboxProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIVEN_BY_NAME", "value-5512")
    policy = SandboxPolicy(environment_names=("GIVEN_BY_NAME",))
    assert "value-5512" not in policy.model_dump_json()
    async with await provider.create(policy) as box:
        assert (await box.exec(["sh", "-c", "echo $GIVEN_BY_NAME"])).stdout == b"value-5512\n"
        assert b"value-5512" not in (await box.exec(["sh", "-c", "cat /proc/[0-9]*/cmdline"])).stdout
    monkeypatch.delenv("GIVEN_BY_NAME")
    assert "GIVEN_BY_NAME" not in os.environ
    with pytest.raises(BadInput, match="GIVEN_BY_NAME"):
        await provider.create(policy)
