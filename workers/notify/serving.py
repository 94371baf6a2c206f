"""The process of it: `countersign notify serve`."""

import asyncio
import signal

from contracts.errors import BadInput
from workers import changes, credentials
from workers.installation import open_ledger
from workers.notify.notifier import Notifier
from workers.notify.setting_up import channels, defaults, is_set_up, secrets
from workers.settings import Settings


async def serve(settings: Settings) -> None:
    """Tell people until SIGINT or SIGTERM. Prints `ready` when it looks for work. BadInput where nothing is set up."""
    if not is_set_up(settings):
        raise BadInput(
            "No way to tell people is set up, so there is nothing to serve.",
            way_out="Set COUNTERSIGN_NOTIFY_SMTP or another channel (docs/notification.md).",
        )
    ways = channels(settings)
    ledger = open_ledger(settings)
    try:
        credentials.tell(ledger, "notify", secrets(settings))
        changes.tell(ledger, "notify", settings)
        notifier = Notifier(ledger, ways, defaults(settings), settings.console_url)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        working = asyncio.create_task(notifier.run())
        print(f"ready: telling people by {', '.join(ways)}", flush=True)
        await stop.wait()
        working.cancel()
        await asyncio.wait([working], timeout=5)
    finally:
        ledger.close()
