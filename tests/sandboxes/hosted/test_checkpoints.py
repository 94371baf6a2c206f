"""A checkpoint of a hosted sandbox is one of a local sandbox, and the other way round."""

import json
import os

import pytest

from contracts.errors import BadInput
from contracts.policy import SandboxPolicy
from ledger import FolderArtifacts
from sandboxes import Bubblewrap, Sandbox
from sandboxes.hosted import Daytona
from sandboxes.hosted.machine import HostedSandbox
from tests.sandboxes.conformance.test_checkpoints import BASE, CHANGE, TELL
from tests.sandboxes.hosted.conftest import POLICY

# What differs by chance, or can't be read by its own user, is left out of what is compared.
CALM = CHANGE.replace("/dev/urandom", "/usr/bin/python3")


async def told(box: Sandbox) -> bytes:
    result = await box.exec(["sh", "-c", TELL])
    assert result.exit_code == 0, result.stderr
    return result.stdout


async def based(provider: Daytona | Bubblewrap) -> Sandbox:
    box: Sandbox = await provider.create(POLICY if isinstance(provider, Daytona) else SandboxPolicy())
    assert (await box.exec(["sh", "-c", BASE])).exit_code == 0
    await box.mark_base("base")
    return box


@pytest.mark.parametrize("way", ["out", "home", "there"])
async def test_either_kind_restores_in_the_other(
    hosted: Daytona, provider: Bubblewrap, store: FolderArtifacts, way: str
) -> None:
    makers = {"out": (provider, hosted), "home": (hosted, provider), "there": (hosted, hosted)}[way]
    async with await based(makers[0]) as first, await based(makers[1]) as second:
        assert (await first.exec(["sh", "-c", CALM])).exit_code == 0
        await first.exec(["rm", "pipe"])  # pipes are not kept
        ref = await first.checkpoint(store)
        await second.restore(store, ref)
        assert await told(second) == await told(first)
        assert await second.checkpoint(store) == ref


async def test_the_same_work_has_the_same_reference(
    hosted: Daytona, provider: Bubblewrap, store: FolderArtifacts
) -> None:
    async with await based(hosted) as far, await based(provider) as near:
        assert await far.checkpoint(store) == await near.checkpoint(store)
        for box in (far, near):
            await box.exec(["sh", "-c", CALM])
            await box.write("big", bytes(range(256)) * 40_000)  # more than a piece
        first = await far.checkpoint(store)
        assert first == await near.checkpoint(store)
        assert await far.checkpoint(store) == first
        for box in (far, near):
            await box.exec(["sh", "-c", "echo more > src/5; rm src/6"])
        assert await far.checkpoint(store) == await near.checkpoint(store)


async def test_a_later_one_packs_only_what_changed_since(hosted: Daytona, store: FolderArtifacts) -> None:
    async with await based(hosted) as far:
        await far.write("large", os.urandom(3_000_000))
        before = json.loads(store.get(await far.checkpoint(store)))
        await far.write("small", b"x")
        after = json.loads(store.get(await far.checkpoint(store)))
        assert after["entries"]["large"] == before["entries"]["large"]
        assert after["entries"]["small"]["pieces"][0][0] != before["entries"]["large"]["pieces"][0][0]


async def test_what_does_not_fit_is_refused(hosted: Daytona, store: FolderArtifacts) -> None:
    async with await based(hosted) as first, await based(hosted) as second:
        await first.write("x", b"x")
        ref = await first.checkpoint(store)
        await second.write("y", b"y")
        with pytest.raises(BadInput, match="changed already"):
            await second.restore(store, ref)
        await second.mark_base("another")
        with pytest.raises(BadInput, match="'another'"):
            await second.restore(store, ref)


async def test_a_manifest_that_leads_out_is_refused(far: HostedSandbox, store: FolderArtifacts) -> None:
    await far.mark_base("base")
    for path in ("../x", "/etc/x", "a//b", ""):
        entries = {path: {"kind": "folder", "mode": 0o755}}
        manifest = {"version": 1, "base": "base", "removed": [], "entries": entries}
        with pytest.raises(BadInput, match="path"):
            await far.restore(store, store.put(json.dumps(manifest).encode()))
