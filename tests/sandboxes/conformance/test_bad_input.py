"""What goes wrong is told by name, or cut with a mark; nothing hangs."""

from pathlib import Path

import pytest

from contracts.errors import BadInput, DiskFull, SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import Mount, Sandbox
from tests.sandboxes.conformance.conftest import Provider

ALL = {"memory", "processes", "cpu", "disk", "syscalls"}


async def test_a_policy_that_asks_for_what_a_provider_lacks(provider: Provider) -> None:
    lacking = ALL - provider.check().holds
    for limit in lacking:
        with pytest.raises(SandboxUnavailable, match=limit):
            await provider.create(SandboxPolicy.model_validate({"needs": [limit]}))
    held = ALL - lacking
    async with await provider.create(SandboxPolicy.model_validate({"needs": sorted(held)})) as box:
        assert (await box.exec(["true"])).exit_code == 0


async def test_a_full_disk_is_told_and_the_rest_still_works(provider: Provider, box: Sandbox) -> None:
    if "disk" not in provider.check().holds:
        pytest.skip("this host can't mount a disk of its own for a sandbox")
    filled = await box.exec(["sh", "-c", "for i in 1 2 3 4; do head -c 4000000 /dev/zero > $i || exit 7; done"])
    assert (filled.exit_code, b"No space left" in filled.stderr) == (7, True)
    with pytest.raises(DiskFull):
        await box.write("more", b"x" * 1_000_000)
    await box.exec(["rm", "1"])
    await box.write("more", b"x" * 1_000_000)


async def test_a_file_cannot_outgrow_the_disk_limit(box: Sandbox) -> None:
    assert (await box.exec(["truncate", "-s", "1T", "sparse"])).exit_code != 0


async def test_output_that_is_not_utf8_and_too_much_of_it(provider: Provider) -> None:
    async with await provider.create(SandboxPolicy(output_bytes=10_000)) as box:
        result = await box.exec(["sh", "-c", r"printf '\377\376\000'; yes | head -c 3000000"])
    assert result.stdout.startswith(b"\xff\xfe\x00y\n")
    assert (len(result.stdout), result.truncated, result.exit_code) == (10_000, True, 0)


async def test_a_repository_with_a_name_of_255_bytes(box: Sandbox) -> None:
    name = "ü" * 127 + "x"
    assert len(name.encode()) == 255
    await box.write(name, b"one\n")
    done = await box.exec(
        ["sh", "-c", "git init -q . && git add --all && git -c user.name=a -c user.email=a@b commit -qm x"]
    )
    assert done.exit_code == 0, done.stderr
    await box.write(name, b"two\n")
    assert b"-one\n+two" in (await box.diff()).text
    assert [match.path for match in (await box.search("two")).matches] == [name]
    assert name in await box.list()


@pytest.mark.parametrize("target", ["/work/here", "/etc", "/usr/lib", "/", "relative", "/a/../etc", "/proc/1"])
async def test_mounts_cannot_cover_the_system(provider: Provider, folder: Path, target: str) -> None:
    with pytest.raises(BadInput):
        await provider.create(SandboxPolicy(), mounts=[Mount(folder, target)])


async def test_a_mount_that_is_not_there(provider: Provider, folder: Path) -> None:
    with pytest.raises(BadInput, match="not there"):
        await provider.create(SandboxPolicy(), mounts=[Mount(folder / "nothing", "/given")])
    assert provider.alive() == []


async def test_an_image_that_is_not_there(provider: Provider) -> None:
    if provider.name == "bubblewrap":
        pytest.skip("it has no images: the system inside is the host's")
    with pytest.raises(SandboxUnavailable, match="no-such-image") as caught:
        await provider.create(SandboxPolicy(image="no-such-image:1"))
    assert caught.value.way_out == "Run: docker pull no-such-image:1"
    assert provider.alive() == []
