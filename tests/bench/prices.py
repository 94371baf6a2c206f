"""Real usage bodies of many providers, priced by `activities.models.prices`: exact, or flagged as unknown.

    python -m tests.bench.prices --data PATH      PATH: usages.json, its folder, or the folder above

`exact` of `priced`: every provider that the truth prices gives that very price, in and out and in total, and
every provider that it does not price gives none. `flagged` of `unpriced`: no provider gives a price.

Prices change, so a truth is only exact with the price list that it was recorded with: this one was recorded
with genai-prices 0.1.4 in July 2026 (no other release gives all of it). That release is installed into a
cache folder of its own, beside the one in use, and `exact` is measured with it; `exact_installed` is the same
with the release in use, where each difference is a price or a model that changed since.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from activities.models.prices import Priced, Tariff, price, price_list

RECORDED_WITH = "0.1.4"
RECORDED_AT = datetime(2026, 7, 20, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]

Counts = dict[str, int]


def main() -> None:
    arguments = parse()
    path = found(arguments.test or arguments.data)
    if path is None:
        print(json.dumps({"skipped": f"no file of usages at {arguments.test or arguments.data}"}))
        return
    started = time.monotonic()
    if arguments.here:
        print(json.dumps({**measure(path, RECORDED_AT), "price_list": price_list()}))
        return
    installed = measure(path, None)
    recorded = with_recorded_list(path)
    result: dict[str, Any] = recorded or {**installed, "price_list": price_list()}
    if recorded is None:
        result["note"] = f"genai-prices {RECORDED_WITH} cannot be had here, so prices that changed since differ"
    result |= {f"{name}_installed": installed[name] for name in ("exact", "flagged")}
    print(json.dumps({**result, "installed": price_list(), "seconds": round(time.monotonic() - started, 2)}))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Price real usage bodies")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--train", type=Path, help="nothing is fitted: taken and not read")
    parser.add_argument("--test", type=Path)
    parser.add_argument("--here", action="store_true", help="measure with the list on the path, and only it")
    return parser.parse_args()


def found(path: Path) -> Path | None:
    places = (path, path / "usages.json", path / "prices" / "usages.json")
    return next((place for place in places if place.is_file()), None)


def measure(path: Path, at: datetime | None) -> Counts:
    counts = dict.fromkeys(("exact", "priced", "flagged", "unpriced", "bodies"), 0)
    warnings.simplefilter("ignore")
    for row in json.loads(path.read_text()):
        truths = list(extractors(row))
        right = all(agrees(truth, priced(row["body"], truth, at)) for truth in truths)
        is_priced = any("input_price" in truth for truth in truths)
        counts["bodies"] += 1
        counts["priced" if is_priced else "unpriced"] += 1
        counts["exact" if is_priced else "flagged"] += right
    return counts


def extractors(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for extracted in row["extracted"]:
        yield from extracted["extractors"]


def priced(body: dict[str, Any], truth: dict[str, Any], at: datetime | None) -> Priced:
    return price(body, Tariff(provider=truth["provider_id"], flavor=truth["api_flavor"]), at=at)


def agrees(truth: dict[str, Any], ours: Priced) -> bool:
    """A truth without prices agrees with unknown only."""
    if "input_price" not in truth:
        return ours.usd is None
    parts = [Decimal(truth["input_price"]), Decimal(truth["output_price"])]
    total = Decimal(truth["total_price"]) if "total_price" in truth else sum(parts, Decimal(0))
    return [ours.input_usd, ours.output_usd] == parts and ours.usd == total


def with_recorded_list(path: Path) -> dict[str, Any] | None:
    """The measure in a process that has the recorded price list first on its path; None if it can't be had."""
    folder = recorded_list()
    if folder is None:
        return None
    command = [sys.executable, "-m", "tests.bench.prices", "--here", "--data", str(path.resolve())]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        return None
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def recorded_list() -> Path | None:
    folder = user_cache_path("countersign") / "bench" / f"genai-prices-{RECORDED_WITH}"
    if (folder / "genai_prices").is_dir():
        return folder
    for installer in installers():
        if shutil.which(installer[0]) and install(installer, folder):
            return folder
    return None


def installers() -> list[list[str]]:
    """Whatever can install a package here: uv, the one that set up this checkout, or some Python's pip."""
    own = ROOT / ".tools" / "uv" / "bin" / "uv"
    uvs = [[uv, "pip", "install", "-q", "--python", sys.executable] for uv in ("uv", str(own))]
    pips = [
        [python, "-m", "pip", "install", "-q"] for python in (sys.executable, "python3", str(own.parent / "python"))
    ]
    return uvs + pips


def install(installer: list[str], folder: Path) -> bool:
    """Into a folder beside it first, so that a half-finished one is never taken for whole."""
    fresh = folder.with_suffix(f".{os.getpid()}")
    command = [*installer, "--target", str(fresh), "--no-deps", f"genai-prices=={RECORDED_WITH}"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    except (subprocess.SubprocessError, OSError):
        return False
    fresh.rename(folder)
    return True


if __name__ == "__main__":
    main()
