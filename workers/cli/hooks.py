"""`countersign hooks …`"""

import os

import typer
from rich.markup import escape
from rich.table import Table

from workers.cli.common import out
from workers.settings import Settings

app = typer.Typer(no_args_is_help=True)


@app.command("serve")
def serve() -> None:
    """Take deliveries, in the foreground until Ctrl-C. `countersign up` runs it where hooks.toml declares any."""
    from workers.hooks.serving import serve as run

    run(Settings())


@app.command("list")
def list_hooks() -> None:
    """The webhooks that are declared, where each is delivered to, and whether its secret is set here."""
    from workers.hooks.serving import declared

    settings = Settings()
    hooks = declared(settings)
    table = Table("Delivered to", "From", "On", "Starts", "Secret", box=None)
    for hook in hooks.values():
        secret = f"{hook.secret} {'is set' if os.environ.get(hook.secret) else 'is not set here'}"
        row = (f"/hooks/{hook.name}", hook.service, ", ".join(hook.on), hook.workflow, secret)
        table.add_row(*map(escape, row))
    out.print(table if hooks else f"No webhook is declared: there is no {settings.hooks}.")
