"""For the doctor: is the extra installed, is it switched on, is a key set. Nothing is sent anywhere."""

from collections.abc import Mapping

from contracts.errors import SandboxUnavailable
from sandboxes.hosted.options import SWITCH, Options
from sandboxes.probe import Finding


def findings(environment: Mapping[str, str]) -> list[Finding]:
    """One line; `ok` only where a sandbox could be asked for. Whether the key is good is not tried."""
    options = Options.from_environment(environment)
    try:
        options.check()
    except SandboxUnavailable as error:
        says = f"off ({SWITCH} is not set); repositories stay in the house" if not options.switch else error.what
        return [Finding("hosted sandboxes", False, says, error.way_out)]
    return [Finding("hosted sandboxes", True, f"Daytona at {options.url}, a key is set (not tried)")]
