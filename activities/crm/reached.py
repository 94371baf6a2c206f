"""The system that a target names, with this worker's credential for it."""

from activities.crm.outbox import Outbox
from activities.crm.protocol import Crm
from activities.services.service import Kind, Service, Services
from contracts.errors import BadInput

SCHEMES: dict[str, Kind] = {"salesforce://": "salesforce", "hubspot://": "hubspot"}


def service_of(target: str, services: Services) -> Service | None:
    """The service that is meant; None for a folder. BadInput for one that no setting names."""
    for scheme, kind in SCHEMES.items():
        if target.startswith(scheme):
            place = target.removeprefix(scheme).rstrip("/")
            found = next((each for each in services.of(kind) if place in ("", each.place)), None)
            if found is None:
                setting = f"COUNTERSIGN_{kind.upper()}"
                raise BadInput(
                    f"{target!r} is no service of the settings.",
                    subject=target,
                    way_out=f"Name its host in {setting} where the worker is started.",
                )
            return found
    return None


def crm_at(target: str, services: Services) -> Crm:
    """The system, ready to be asked. Blocks where a token has to be asked for first."""
    service = service_of(target, services)
    if service is None:
        return Outbox(target)
    # Each brings a client of its own that takes long to load.
    if service.kind == "salesforce":
        from activities.crm.salesforce import SalesforceCrm

        return SalesforceCrm(service, services.authorities)
    from activities.crm.hubspot import HubSpotCrm

    return HubSpotCrm(service, services.authorities)
