"""A third party's sandboxes, where an operator switched them on (docs/hosted-sandboxes.md)."""

import os

from ledger import Ledger
from sandboxes import Bubblewrap
from sandboxes.hosted import Daytona, Options
from workers.installation import open_ledger
from workers.settings import Settings


def hosted_sandboxes(settings: Settings, ledger: Ledger | None = None) -> Daytona | None:
    """None where nobody switched them on. They are told apart from other installations' by the ledger's own name."""
    options = Options.from_environment(os.environ)
    if not options.switch:
        return None
    if ledger is not None:
        return _daytona(options, settings, ledger.realm)
    with open_ledger(settings) as opened:
        return _daytona(options, settings, opened.realm)


def _daytona(options: Options, settings: Settings, realm: str) -> Daytona:
    return Daytona(options, installation=realm, local=Bubblewrap(settings.state / "sandboxes"))
