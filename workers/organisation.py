"""The organisation's sign-in, from the settings. Its client secret goes by name, as all secrets do."""

from collections.abc import Mapping

from console.oidc import Provider
from contracts.errors import BadInput
from contracts.identity import EVERYWHERE, RoleMap
from workers.discovery import scoped_workflows
from workers.settings import Settings


def provider(settings: Settings, environ: Mapping[str, str]) -> Provider | None:
    """None where none is set. BadInput where half of it is: nobody gets in by a setup that isn't finished."""
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_client_id:
        raise _missing("COUNTERSIGN_OIDC_CLIENT_ID", "the console is registered under no name")
    name = settings.oidc_client_secret
    if name and not environ.get(name):
        raise _missing(name, "COUNTERSIGN_OIDC_CLIENT_SECRET names it, and it holds nothing")
    return Provider(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        roles=role_map(settings),
        console=settings.console_url,
        secret=environ.get(name, "") if name else "",
        seconds=round(settings.session_minutes * 60),
        idle=round(settings.session_idle_minutes * 60),
    )


def role_map(settings: Settings) -> RoleMap:
    path = settings.roles
    try:
        return RoleMap.read(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise _missing("COUNTERSIGN_ROLES", f"{str(path)!r} can't be read") from error


def strange_teams(roles: RoleMap) -> list[str]:
    """Teams in the file of roles that no workflow here belongs to: a slip of the pen, mostly."""
    known = {cls.policy.team for cls in scoped_workflows()}  # type: ignore[attr-defined]
    return sorted(set(roles.teams) - known - {EVERYWHERE})


def _missing(variable: str, why: str) -> BadInput:
    return BadInput(
        f"The organisation's sign-in is not set up whole: {why}.",
        subject=variable,
        way_out=f"Set {variable}, or unset COUNTERSIGN_OIDC_ISSUER; docs/identity.md has an example.",
    )
