"""What our worker adds to a step: a ten-step chain with all interceptors against the plain SDK, on one server.

    python -m tests.bench.step_overhead

Both workers poll the same server, which is started with our settings, in one process; rounds alternate, so that
a slow minute of the machine hits both. The last line is one JSON object:

- `step_ms`: one step of the ten through our worker, median of all rounds, on the server that we start
- `latency_ratio`: chain after chain, ours against the plain SDK, median of the pairs of rounds
- `overhead_ms_per_step`: what ours adds to a step, in ms, median of the pairs of rounds
- `throughput_ratio`: plain seconds for 40 chains at once are 1; ours by that measure, median of the pairs
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
import uuid
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import GrpcCompression
from temporalio.worker import Worker

from tests.bench.chain import STEPS, Chain, Count, add_one
from tests.support.platform import Installation
from workers.devserver import DevServer
from workers.worker import build

AT_ONCE = 40


async def chain(client: Client, queue: str) -> float:
    """Seconds of one chain."""
    began = time.perf_counter()
    result = await client.execute_workflow(Chain.run, Count(value=0), id=str(uuid.uuid4()), task_queue=queue)
    assert result.value == STEPS
    return time.perf_counter() - began


async def chains(client: Client, queue: str) -> float:
    """Seconds of many chains at once."""
    began = time.perf_counter()
    await asyncio.gather(*(chain(client, queue) for _ in range(AT_ONCE)))
    return time.perf_counter() - began


async def rounds(sides: dict[str, tuple[Client, str]], measure: object, count: int) -> dict[str, list[float]]:
    """Alternating rounds: plain, ours, ours, plain, …"""
    took: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(count):
        order = list(sides) if number % 2 == 0 else list(reversed(sides))
        for name in order:
            took[name].append(await measure(*sides[name]))  # type: ignore[operator]
    return took


def ratio(took: dict[str, list[float]]) -> float:
    pairs = zip(took["ours"], took["plain"], strict=True)
    return round(statistics.median(ours / plain for ours, plain in pairs), 3)


def added(took: dict[str, list[float]]) -> float:
    """Milliseconds that ours adds to one step."""
    pairs = zip(took["ours"], took["plain"], strict=True)
    return round(statistics.median(ours - plain for ours, plain in pairs) / STEPS * 1000, 3)


async def run(count: int) -> dict[str, float]:
    began = time.perf_counter()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = await stack.enter_async_context(DevServer(folder / "temporal", say=print))
        platform = await Installation(server, folder / "state").open(stack)
        plain = await Client.connect(
            server.address, data_converter=pydantic_data_converter, grpc_compression=GrpcCompression.NONE
        )
        await stack.enter_async_context(Worker(plain, task_queue="plain", workflows=[Chain], activities=[add_one]))
        await stack.enter_async_context(
            build(platform.client, "agents", platform.tools, workflows=[Chain], activities=[add_one], queue="ours")
        )
        sides = {"plain": (plain, "plain"), "ours": (platform.client, "ours")}
        await rounds(sides, chain, 5)
        one = await rounds(sides, chain, count)
        many = await rounds(sides, chains, max(4, count // 6))
    step = {name: statistics.median(times) / STEPS * 1000 for name, times in one.items()}
    return {
        "overhead_ms_per_step": added(one),
        "latency_ratio": ratio(one),
        "throughput_ratio": ratio(many),
        "step_ms": round(step["ours"], 2),
        "plain_step_ms": round(step["plain"], 2),
        "steps_per_second": round(AT_ONCE * STEPS / statistics.median(many["ours"]), 1),
        "seconds": round(time.perf_counter() - began, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60, help="rounds a side, one chain each")
    print(json.dumps(uvloop.run(run(parser.parse_args().rounds))))


if __name__ == "__main__":
    main()
