"""Real deliveries of GitHub, as they are taken: signed, parsed, and named by event and action.

    python -m tests.bench.webhooks --data PATH      PATH: a folder github/<event>/*.json, or the folder above

A delivery counts as `parsed` where it is believed with its signature, refused with one byte changed, and named after
its folder and its own action. Nothing else is known of what GitHub calls it: the name of the event travels in a header.
"""

import argparse
import hmac
import json
import time
from pathlib import Path

from workers.hooks.intake import parsed
from workers.hooks.signatures import SIGNERS

SECRET = "a-secret-of-the-bench"
GITHUB = SIGNERS["github"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--train", type=Path, help="not needed: nothing is learnt")
    parser.add_argument("--test", type=Path)
    arguments = parser.parse_args()
    root = arguments.test or arguments.data
    files = sorted(root.rglob("*.json")) if root and root.is_dir() else []
    if not files:
        print(json.dumps({"skipped": f"no deliveries at {root}"}))
        return
    started = time.monotonic()
    wrong = [str(each.relative_to(root)) for each in files if not right(each)]
    for name in wrong:
        print("not parsed:", name)
    told = {"parsed": len(files) - len(wrong), "all": len(files), "seconds": round(time.monotonic() - started, 3)}
    print(json.dumps(told))


def right(file: Path) -> bool:
    body, event = file.read_bytes(), file.parent.name
    signature = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    headers = {"x-hub-signature-256": f"sha256={signature}", "x-github-event": event}
    if not GITHUB.signed(SECRET, headers, body) or GITHUB.signed(SECRET, headers, body[:-1] + b" "):
        return False
    delivery = parsed(body)
    action = delivery.get("action")
    return GITHUB.event(headers, delivery) == (f"{event}.{action}" if action else event)


if __name__ == "__main__":
    main()
