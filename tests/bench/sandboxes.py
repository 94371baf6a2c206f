"""How long sandboxes take, beside a bare subprocess, ripgrep on the host and `docker run --rm` in the same run.

`python -m tests.bench.sandboxes [--providers bubblewrap,docker,gvisor] [--repetitions 50] [--alive 200] [--quick]`
prints one JSON object: milliseconds by provider, each with median, p95, best and how often it was measured. A provider
that doesn't work on this host is named with the reason.

cycle_ms: create, run `true`, destroy. exec_ms: `true` in a live one. write_read_ms: 4 kB in and out. search_ms:
search 5,000 files. clone_ms: a sandbox with a work tree of 5,000 files, the way that this host uses (`by clone`,
`by reflink`: the other ways). first_status_ms: the first `git status` there. checkpoint_ms, restore_ms: 100 changed
files of 5,000. ratio_to_bare: medians against a bare subprocess or ripgrep. inside_to_bare: work inside against the
host. alive: so many at once, each with a command that runs.
"""

import argparse
import asyncio
import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from contracts.errors import CountersignError
from sandboxes import Bubblewrap, Docker, Gvisor, SandboxProvider
from tests.bench.sandboxing.inside import inside
from tests.bench.sandboxing.measuring import Figures, ratio
from tests.bench.sandboxing.starts import by_provider, docker_answers, starts
from tests.bench.sandboxing.together import together
from tests.bench.sandboxing.tree import make, trees

MAKERS = {"bubblewrap": Bubblewrap, "docker": Docker, "gvisor": Gvisor}
# The first is compared with a bare subprocess, search with ripgrep.
COMPARED = {"cycle_ms": "subprocess_ms", "exec_ms": "subprocess_ms", "search_ms": "ripgrep_ms"}


async def working(names: list[str], place: Path) -> tuple[dict[str, SandboxProvider], dict[str, str]]:
    """The providers that work here, tried out, and why the others don't."""
    found: dict[str, SandboxProvider] = {}
    why: dict[str, str] = {}
    for name in names:
        try:
            provider = MAKERS[name](place / name)
            await asyncio.to_thread(provider.check)
            found[name] = provider
        except CountersignError as error:
            why[name] = error.what
    return found, why


def other_ways(bubblewrap: SandboxProvider | None, place: Path) -> dict[str, SandboxProvider]:
    """bubblewrap again, as on a host where a tree has to arrive by another way."""
    found: dict[str, SandboxProvider] = {}
    if isinstance(bubblewrap, Bubblewrap) and bubblewrap.check().way != "clone":
        other = Bubblewrap(place / "clone")
        other._host = dataclasses.replace(other.check(), way="clone")
        found["clone"] = other
    return found


def report(figures: dict[str, Figures], ratios: dict[str, dict[str, float]]) -> dict[str, Any]:
    against = figures["bare"]
    told: dict[str, Any] = {"bare": against}
    for name, each in figures.items():
        if name != "bare":
            compared = {key: ratio(each | against, key, to) for key, to in COMPARED.items() if key in each}
            told[name] = {**each, "ratio_to_bare": compared, "inside_to_bare": ratios.get(name, {})}
    return told


async def main(names: list[str], repetitions: int, alive: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        providers, why = await working(names, place)
        tree = make(place / "tree")
        figures = await starts(providers, repetitions, docker_run=docker_answers())
        ways = other_ways(providers.get("bubblewrap"), place)
        for name, more in by_provider(await trees(providers, ways, tree, place, repetitions)).items():
            figures.setdefault(name, {}).update(more)
        told = report(figures, await inside(providers, tree, max(5, repetitions // 5)))
        bubblewrap = providers.get("bubblewrap")
        if alive and isinstance(bubblewrap, Bubblewrap):
            told["bubblewrap"] |= {"way": bubblewrap.check().way, "alive": await together(bubblewrap, alive)}
        for provider in providers.values():
            if isinstance(provider, Docker):
                await provider.close()
    load = [round(each, 1) for each in os.getloadavg()]
    print(json.dumps({**told, "not_here": why, "load": load, "cores": os.cpu_count()}, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sandboxes")
    parser.add_argument("--providers", default=",".join(MAKERS))
    parser.add_argument("--repetitions", type=int, default=50)
    parser.add_argument("--alive", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="10 of each, 50 alive")
    options = parser.parse_args()
    chosen = [name for name in options.providers.split(",") if name]
    asyncio.run(main(chosen, *((10, 50) if options.quick else (options.repetitions, options.alive))))
