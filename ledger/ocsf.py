"""An entry as a security team's tools read it: an event of OCSF 1.6.0, class API Activity (6003).

https://schema.ocsf.io/1.6.0/classes/api_activity. What the class has no place for is under `unmapped`.
"""

from datetime import datetime

from pydantic import JsonValue

from contracts.records import StoredEntry

VERSION = "1.6.0"
CLASS, CATEGORY = 6003, 6
OTHER = 99  # none of create, read, update, delete: the kind of entry says what
PROGRAMS = ("platform", "model")  # actors that are no person
SEVERITY = {"ok": 1, "intent": 1, "cancelled": 1, "held": 2, "failed": 3, "refused": 3}  # informational, low, medium
STATUS = {"ok": 1, "failed": 2, "refused": 2}  # success, failure


def event(entry: StoredEntry, realm: str) -> dict[str, JsonValue]:
    """The event; times in milliseconds since 1970."""
    status = STATUS.get(entry.outcome, OTHER)
    program = entry.actor in PROGRAMS or entry.actor == entry.workflow
    return {
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "activity_id": OTHER,
        "activity_name": entry.kind,
        "type_uid": CLASS * 100 + OTHER,
        "severity_id": SEVERITY[entry.outcome],
        "status_id": status,
        "status": {1: "Success", 2: "Failure"}.get(status, entry.outcome),
        "status_detail": entry.outcome,
        "time": _ms(entry.finished_at),
        "start_time": _ms(entry.started_at),
        "end_time": _ms(entry.finished_at),
        "message": entry.says,
        "actor": {"app_name": entry.actor} if program else {"user": {"name": entry.actor}},
        "api": {"operation": entry.name, "service": {"name": entry.workflow or "countersign"}},
        "src_endpoint": {"uid": realm, "name": "countersign"},
        "metadata": {
            "version": VERSION,
            "product": {"name": "Countersign", "vendor_name": "Countersign"},
            "uid": f"{realm}/{entry.id}",
            "sequence": entry.id,
            **({"correlation_uid": entry.run} if entry.run else {}),
            **({"logged_time": _ms(entry.recorded_at)} if entry.recorded_at else {}),
        },
        "unmapped": {
            "key": entry.key,
            "digest": entry.digest,
            "attempt": entry.attempt,
            "sealed_in": entry.sealed_in,
            "facts": dict(entry.facts),
        },
    }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
