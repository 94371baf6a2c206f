"""When a worker's credentials end, as far as they say so themselves. It is written down at each start."""

import base64
import binascii
import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from contracts.records import CREDENTIALS
from ledger import Ledger
from workers.notes import system_entry

# Where AWS's tools write when the session that they export ends.
AWS_ENDS, AWS_TOKEN = "AWS_CREDENTIAL_EXPIRATION", "AWS_SESSION_TOKEN"


def tell(ledger: Ledger, worker: str, names: Iterable[str]) -> None:
    """An entry with the names of a worker's credentials and their ends. No value, nor a digest of one, is in it."""
    known = {name: os.environ[name] for name in sorted(set(names)) if os.environ.get(name)}
    ends = expiries(known, os.environ.get(AWS_ENDS, ""))
    says = f"The worker for {worker} holds {', '.join(known) or 'no credentials'}"
    told = {name: at.isoformat() for name, at in ends.items()}
    entry = system_entry(CREDENTIALS, says, {"worker": worker, "names": list(known), "expires": dict(told)})
    ledger.append(entry)


def expiries(values: Mapping[str, str], aws: str = "") -> dict[str, datetime]:
    """The ends that can be read: of JSON Web Tokens, and of AWS sessions where `aws` says theirs."""
    found = {name: at for name, value in values.items() if (at := token_end(value))}
    if AWS_TOKEN in values and (at := moment(aws)):
        found[AWS_TOKEN] = at
    return found


def token_end(value: str) -> datetime | None:
    """When a JSON Web Token expires (RFC 7519, section 4.1.4); None for what isn't one, or says nothing of it."""
    parts = value.strip().split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (binascii.Error, ValueError, TypeError, KeyError, OverflowError, OSError):
        return None


def moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
