"""The console's process: FastAPI on this host only, with the ledger and a Temporal client behind it."""

import os
from typing import Any

import uvicorn

from console.app import create_app
from console.deps import ConsoleDeps
from ledger import FolderArtifacts
from workers import changes
from workers.client import kept
from workers.installation import open_ledger
from workers.notify import setting_up
from workers.organisation import provider
from workers.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until Ctrl-C. Nothing but this host can connect: the console listens on 127.0.0.1."""
    ledger = open_ledger(settings)
    changes.tell(ledger, "console", settings)
    artifacts = FolderArtifacts(settings.artifacts)
    deps = ConsoleDeps(
        ledger=ledger,
        artifacts=artifacts,
        temporal=kept(settings, artifacts),
        temporal_ui=settings.ui,
        namespace=settings.namespace,
        base_url=settings.console_url,
        demo=settings.demo,
        metrics_token=settings.metrics_token,
        provider=provider(settings, os.environ),
        notify=setting_up.defaults(settings),
        channels=setting_up.named(settings),
    )
    try:
        uvicorn.run(create_app(deps), **options(settings))
    finally:
        ledger.close()


def options(settings: Settings) -> dict[str, Any]:
    """How uvicorn serves. Unless a proxy stands before it nobody says who asks: a caller could choose whom the rate
    limit counts."""
    return {
        "host": "127.0.0.1",
        "port": settings.console_port,
        "log_level": "warning",
        "server_header": False,
        "proxy_headers": settings.behind_proxy,
        "forwarded_allow_ips": "127.0.0.1",
        "timeout_graceful_shutdown": 1,
    }
