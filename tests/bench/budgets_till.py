"""The provider of the budgets' bench: a process that charges for what it takes in, and keeps the only true account.

A request is one line, the number of its run; the reply is one line of usage, after a while. Usage is drawn by that
number, so a run costs the same whenever it is asked for.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from activities.models.prices import Tariff, price, worst_case
from activities.models.protocol import Progress
from contracts.budgets import Purse, Spender
from contracts.models import ModelReply, ModelRequest

MODEL, TARIFF = "claude-haiku-4-5", Tariff(provider="anthropic")
PROMPT_BYTES, MOST_OUTPUT = 12_000, 2_000  # about a changelog of forty commits


def usage(run: int) -> dict[str, int]:
    drawn = random.Random(run)
    return {"input_tokens": drawn.randint(2_000, 4_000), "output_tokens": drawn.randint(200, 1_800)}


def cost(run: int) -> Decimal:
    usd = price({"model": MODEL, "usage": usage(run)}, TARIFF).usd
    assert usd is not None
    return usd


def worst_usd() -> Decimal:
    worst = worst_case(MODEL, TARIFF, prompt_bytes=PROMPT_BYTES, max_output=MOST_OUTPUT)
    assert worst is not None
    return worst


def spender(run: int, team: Decimal) -> tuple[Spender, Mapping[str, Decimal]]:
    purse = Purse(run=f"run-{run}", usd=worst_usd() * 3)
    return Spender(run=f"run-{run}", workflow="bench", team="bench", purses=(purse,)), {"bench": team}


class Customer:
    """A model behind the till, for the journal."""

    provider, model, allow_unpriced = "till", MODEL, False

    def __init__(self, port: int) -> None:
        self.port = port

    def worst_case_usd(self, request: ModelRequest) -> Decimal | None:
        return worst_usd()

    async def call(self, request: ModelRequest, *, on_progress: Progress | None = None) -> ModelReply:
        started = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request.messages[0].text.encode() + b"\n")
        body = {"model": MODEL, "usage": json.loads(await reader.readline())}
        writer.close()
        priced = price(body, TARIFF)
        return ModelReply(
            provider=self.provider,
            model=MODEL,
            text="done",
            stop="end",
            usage=priced.usage,
            usd=priced.usd,
            price_list=priced.price_list,
            seconds=time.monotonic() - started,
        )


class Till:
    """The provider's process. `with Till(folder) as till:`, then `till.port`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mean_usd = sum((cost(run) for run in range(400)), Decimal(0)) / 400
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.budgets_till", str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def account(self) -> tuple[Decimal, int]:
        """What was charged in all, and for how many requests."""
        runs = [int(line) for line in (self.folder / "till").read_text().split()]
        return sum((cost(run) for run in runs), Decimal(0)), len(runs)

    def __enter__(self) -> "Till":
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


async def serve(folder: Path) -> None:
    with (folder / "till").open("a") as account:

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line = (await reader.readline()).decode().strip()
            if line:
                account.write(line + "\n")
                account.flush()
                await asyncio.sleep(random.uniform(0.05, 0.4))
                writer.write(json.dumps(usage(int(line))).encode() + b"\n")
            writer.close()

        server = await asyncio.start_server(take, "127.0.0.1", 0, backlog=256)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
