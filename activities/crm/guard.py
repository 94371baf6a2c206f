"""What is the same for clients of all services: their answers and failures in our words, before a client sees them.

A client's own errors hold whole answers, with what other people wrote and sometimes with the token; ours hold neither.
"""

import json
from collections.abc import Mapping

from activities.services.service import Service
from activities.services.web import Reply, limited, patience
from contracts import shown
from contracts.errors import AccessRefused, CountersignError, DestinationMoved, NotAllowed, ServiceBusy, StrangeReply

TIMEOUT = (10.0, 60.0)  # to connect, and for each part of an answer
LARGEST = 64 << 20


def check(service: Service, status: int, headers: Mapping[str, str], content: bytes) -> None:
    """Raise what an answer means wherever it comes from: ServiceBusy, AccessRefused (401), StrangeReply.

    What else a refusal means is its client's to say.
    """
    reply = Reply(status, {name.lower(): value for name, value in headers.items()}, content)
    if limited(reply) or status >= 500:
        what = f"answers {status}" if status >= 500 else "asks for patience: its rate limit is reached"
        raise ServiceBusy(f"{service.name} {what}.", subject=service.place, retry_after=patience(reply))
    if status == 401:
        raise refused(service)
    if 300 <= status < 400:
        raise StrangeReply(f"{service.name} sends us elsewhere, which is not followed.", subject=service.place)
    if content and not _is_json(content):
        kind = quoted(service, reply.headers.get("content-type", "no type"))
        raise StrangeReply(
            f"{service.name} answers {status} with {kind} and not with JSON.",
            subject=service.place,
            way_out=f"Look whether this is its API: {service.api}",
        )


def refused(service: Service, more: str = "") -> AccessRefused:
    """It doesn't let us in, or not do that."""
    asks = "asks for a credential" if service.credential is None else "does not take the credential that it was given"
    told = f" It says: {quoted(service, more)}." if more else ""
    what = f"{service.name} does not let us do that." if more else f"{service.name} {asks}."
    return (NotAllowed if more else AccessRefused)(f"{what}{told}", subject=service.place, way_out=service.way_in)


def unreachable(service: Service, error: Exception) -> CountersignError:
    """A request that got no answer."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return AccessRefused(
            f"{service.name} has a certificate that no known authority vouches for.",
            subject=service.place,
            way_out="Name its authority's PEM file: COUNTERSIGN_EGRESS_AUTHORITIES=/path/to/ca.pem",
        )
    return ServiceBusy(f"{service.name} can not be reached, or takes too long.", subject=service.place)


def gone(service: Service, what: str, subject: str) -> DestinationMoved:
    """It was there when it was proposed."""
    told = f"{service.name} can't {what}: it is not there (any more)."
    return DestinationMoved(told, subject=subject, way_out="The next run proposes what is left.")


def strange(service: Service, what: str) -> StrangeReply:
    """An answer without what its API promises."""
    return StrangeReply(f"{service.name} answers without {what}.", subject=service.place)


def quoted(service: Service, text: object) -> str:
    """Words of the service's own, for an error: short, without hidden characters or our secret."""
    said, secret = str(text), service.secret()
    return shown.spelt(" ".join((said.replace(secret, "…") if secret else said).split()))[:300]


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True
