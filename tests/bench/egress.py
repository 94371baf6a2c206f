"""What a broker costs, beside the same without one in the same run.

`python -m tests.bench.egress [repetitions]` prints one JSON line. Figures are milliseconds (median, p95, best):

exec_none_ms, exec_allow_ms: `true` in a live sandbox without a network, and with a list. cycle_none_ms,
cycle_allow_ms: create, run it, destroy. open_request_ms: one small GET over a connection with TLS that is kept, by a
sandbox that has the host's network; plain_request_ms: the same through the broker, which has the TLS;
tunnel_request_ms: through a tunnel. Each of these is the median of 100 requests, taken `repetitions` / 5 times.
open_new_ms, plain_new_ms: one GET with a connection of its own. `megabytes_a_second`: a body of 64 MB each way.
"""

import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from contracts.policy import Allow, SandboxPolicy
from sandboxes import Bubblewrap
from sandboxes.bubblewrap import BubblewrapSandbox
from sandboxes.egress import Egress, Operator, Request
from tests.bench.sandboxes import measured, summary, timed
from tests.support.tls_host import Answer, Host, authority, serving

REQUESTS, BIG = 100, 64 << 20

# Run inside: median milliseconds of a request over one connection, and megabytes a second of one large body.
ASK = """
import http.client, ssl, statistics, sys, time
how, port, count, path, again = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5] == "kept"
trust = ssl.create_default_context(cafile="/work/ca.pem")
def connection():
    if how == "plain":
        return http.client.HTTPConnection("127.0.0.1", 3128)
    if how == "tunnel":
        made = http.client.HTTPSConnection("127.0.0.1", 3128, context=trust)
        made.set_tunnel("bench.test", port)
        return made
    made = http.client.HTTPSConnection("bench.test", port, context=trust)
    made._create_connection = lambda where, *rest: __import__("socket").create_connection(("127.0.0.1", port))
    return made
target = f"http://bench.test:{port}{path}" if how == "plain" else path
headers = {"Host": f"bench.test:{port}"}
one, taken, size = connection(), [], 0
for number in range(count + 3):
    before = time.perf_counter()
    if not again: one = connection()
    one.request("GET", target, headers=headers)
    size = len(one.getresponse().read())
    if not again: one.close()
    taken.append((time.perf_counter() - before) * 1000)
kept = taken[3:] if count > 1 else taken[-1:]
print(statistics.median(kept), size / 1e6 / (kept[-1] / 1000))
"""


async def asked(box: BubblewrapSandbox, how: str, port: int, count: int, path: str, kept: str) -> list[float]:
    result = await box.exec(["/usr/bin/python3", "-c", ASK, how, str(port), str(count), path, kept])
    assert result.exit_code == 0, result.stderr.decode()
    return [float(word) for word in result.stdout.split()]


async def boxes(provider: Bubblewrap, port: int, ca: Path, stack: AsyncExitStack) -> dict[str, BubblewrapSandbox]:
    """A sandbox for each way to the host."""
    policies = {
        "open": SandboxPolicy(network="open"),
        "plain": SandboxPolicy(network="allow", allow=(Allow(host="bench.test", port=port),), egress_bytes=1 << 40),
        "tunnel": SandboxPolicy(
            network="allow", allow=(Allow(host="bench.test", port=port, tunnel=True),), egress_bytes=1 << 40
        ),
    }
    made = {}
    for name, policy in policies.items():
        made[name] = await stack.enter_async_context(await provider.create(policy))
        await made[name].write("ca.pem", ca.read_bytes())
    return made


async def starts(provider: Bubblewrap, port: int, repetitions: int) -> dict[str, dict[str, float]]:
    none = SandboxPolicy()
    allow = SandboxPolicy(network="allow", allow=(Allow(host="bench.test", port=port),))

    def cycle(policy: SandboxPolicy) -> Callable[[], Awaitable[float]]:
        async def once() -> None:
            async with await provider.create(policy) as fresh:
                await fresh.exec(["true"])

        return lambda: timed(once())

    async with await provider.create(none) as without, await provider.create(allow) as listed:
        return await measured(
            {
                "exec_none_ms": lambda: timed(without.exec(["true"])),
                "exec_allow_ms": lambda: timed(listed.exec(["true"])),
                "cycle_none_ms": cycle(none),
                "cycle_allow_ms": cycle(allow),
            },
            repetitions,
        )


async def requests(
    provider: Bubblewrap, port: int, ca: Path, repetitions: int
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    async with AsyncExitStack() as stack:
        ways = await boxes(provider, port, ca, stack)
        taken: dict[str, list[float]] = {}
        speed: dict[str, list[float]] = {}
        for _ in range(max(2, repetitions // 5)):
            for how, box in ways.items():
                for kept in ("kept", "new"):
                    name = f"{how}_{'request' if kept == 'kept' else 'new'}_ms"
                    count = REQUESTS if kept == "kept" else REQUESTS // 5
                    taken.setdefault(name, []).append((await asked(box, how, port, count, "/", kept))[0])
                speed.setdefault(how, []).append((await asked(box, how, port, 1, "/big", "kept"))[1])
    return {name: summary(values) for name, values in taken.items()}, {how: max(each) for how, each in speed.items()}


async def main(repetitions: int) -> dict[str, Any]:
    async def tell(request: Request) -> None:
        return None

    async def ask(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    host, big = Host(), b"x" * BIG
    host.act = lambda seen: Answer(big if seen.target == "/big" else b"hello")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ca, pem = authority(folder, ("bench.test",))
        async with serving(host.serve, pem) as port:
            egress = Egress(tell, Operator(frozenset({("bench.test", port)}), ca), ask=ask)
            provider = Bubblewrap(folder / "sandboxes", egress)
            found: dict[str, Any] = await starts(provider, port, repetitions)
            taken, speed = await requests(provider, port, ca, repetitions)
            egress.close()
    return {**found, **taken, "megabytes_a_second": {how: round(each, 1) for how, each in speed.items()}}


if __name__ == "__main__":
    import uvloop

    print(json.dumps(uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))))
