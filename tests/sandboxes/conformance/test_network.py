"""The network: none unless the policy says so, and the host's own sockets never."""

import os
import socket

import pytest

from contracts.policy import SandboxPolicy
from sandboxes import Sandbox, SandboxProvider

PYTHON = "/usr/bin/python3"


async def python(box: Sandbox, script: str) -> str:
    result = await box.exec([PYTHON, "-c", script])
    return (result.stdout + result.stderr).decode(errors="replace")


async def test_there_is_none(box: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert "refused" in await python(box, f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")
    metadata = "import socket; socket.create_connection(('169.254.169.254', 80), 2)"
    assert "OSError" in (said := await python(box, metadata)), said
    assert "gaierror" in await python(box, "import socket; socket.getaddrinfo('example.org', 80)")
    assert "['lo']" in await python(box, "import socket; print([name for _, name in socket.if_nameindex()])")


@pytest.mark.parametrize("network", ["none", "open"])
async def test_abstract_sockets_of_the_host_are_out_of_reach(provider: SandboxProvider, network: str) -> None:
    name = f"\0countersign-test-{os.getpid()}"
    script = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({name!r}); print('reached')"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        async with await provider.create(SandboxPolicy.model_validate({"network": network})) as box:
            said = await python(box, script)
    assert "reached" not in said
    assert "Error" in said


@pytest.mark.skipif(len(socket.if_nameindex()) < 2, reason="this host has no network itself")
async def test_open_is_one(provider: SandboxProvider) -> None:
    async with await provider.create(SandboxPolicy(network="open")) as box:
        told = await python(box, "import socket; print(len(socket.if_nameindex()))")
    assert int(told) > 1
