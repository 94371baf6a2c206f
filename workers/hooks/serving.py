"""The process of it: `countersign hooks serve`."""

import os
from collections.abc import Mapping

import uvicorn

from contracts.errors import BadInput
from ledger import FolderArtifacts
from workers import changes, credentials, discovery
from workers.client import kept
from workers.hooks.declared import Hook, read
from workers.hooks.intake import Intake
from workers.installation import open_ledger
from workers.notify.webhook import key
from workers.settings import Settings

SHORTEST = 16  # letters of a secret


def declared(settings: Settings) -> dict[str, Hook]:
    """The hooks of this installation; none where there is no file. BadInput for a file that can't be used."""
    discovery.add_folder(settings.workflows)
    return read(settings.hooks) if settings.hooks.is_file() else {}


def secrets(hooks: Mapping[str, Hook], environ: Mapping[str, str]) -> dict[str, str]:
    """Each hook's secret. BadInput where one isn't set, or is too short to be one."""
    found = {name: environ.get(hook.secret, "").strip() for name, hook in hooks.items()}
    for name, value in found.items():
        if len(value) < SHORTEST:
            raise BadInput(
                f"The secret {hooks[name].secret} of the webhook {name} is not set to {SHORTEST} letters or more.",
                subject=hooks[name].secret,
                way_out=f"Set {hooks[name].secret} where it is served, to what the service was given.",
            )
        if hooks[name].service == "standard":
            key(value, hooks[name].secret)
    return found


def serve(settings: Settings) -> None:
    """Take deliveries until Ctrl-C, on 127.0.0.1: a proxy with a certificate stands before it."""
    hooks = declared(settings)
    if not hooks:
        raise BadInput(
            f"No webhook is declared in {str(settings.hooks)!r}, so there is nothing to serve.",
            subject=str(settings.hooks),
            way_out="See docs/triggers.md for what the file holds.",
        )
    known = secrets(hooks, os.environ)
    ledger = open_ledger(settings)
    artifacts = FolderArtifacts(settings.artifacts)
    try:
        changes.tell(ledger, "hooks", settings)
        credentials.tell(ledger, "hooks", {hook.secret for hook in hooks.values()})
        app = Intake(hooks, known, ledger, kept(settings, artifacts)).app()
        uvicorn.run(app, host="127.0.0.1", port=settings.hooks_port, log_level="warning", server_header=False)
    finally:
        ledger.close()
