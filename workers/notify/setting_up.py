"""The channels that the operator's settings name. None is set up by itself."""

import os
import re
import ssl
from datetime import time
from pathlib import Path

from pydantic import ValidationError

from contracts.errors import BadInput
from contracts.gate import QuietHours
from contracts.notify import Channel, Defaults
from workers.notify.channel import Sends
from workers.settings import Settings

CREDENTIAL = "COUNTERSIGN_NOTIFY_SMTP_CREDENTIAL"
QUIET = "COUNTERSIGN_NOTIFY_QUIET"
SLACK, WEBHOOKS = "COUNTERSIGN_NOTIFY_SLACK", "COUNTERSIGN_NOTIFY_WEBHOOKS"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def named(settings: Settings) -> tuple[Channel, ...]:
    """The channels that are set up; no secret is looked at."""
    given: dict[Channel, str] = {
        "email": settings.notify_smtp,
        "slack": settings.notify_slack,
        "webhook": settings.notify_webhooks,
    }
    return tuple(channel for channel, text in given.items() if text)


def is_set_up(settings: Settings) -> bool:
    """Whether there is any channel: without one, nobody has to run the process that sends."""
    return bool(named(settings))


def secrets(settings: Settings) -> tuple[str, ...]:
    """The names of the variables with the channels' secrets."""
    found = {name for _, name in _webhooks(settings)} | {_smtp_credential(settings)[1], _slack(settings)}
    return tuple(sorted(filter(None, found)))


def channels(settings: Settings) -> dict[Channel, Sends]:
    """All of them, ready to send. Raises BadInput for a setting that can't be read, or a secret that isn't set."""
    # Every command of ours imports this file, and only the process that sends needs these.
    from sandboxes.egress.operator import places
    from workers.notify import slack, smtp, webhook

    found: dict[Channel, Sends] = {}
    if settings.notify_smtp:
        user, name = _smtp_credential(settings)
        known = smtp.server(settings.notify_smtp, settings.notify_from, user, secret(name, CREDENTIAL))
        found["email"] = smtp.Email(known, context(settings))
    if settings.notify_slack:
        found["slack"] = slack.Slack(secret(_slack(settings), SLACK), context(settings))
    if settings.notify_webhooks:
        keys = {place: webhook.key(secret(name, WEBHOOKS), name) for place, name in _webhooks(settings)}
        private = places(settings.egress_private, "COUNTERSIGN_EGRESS_PRIVATE")
        found["webhook"] = webhook.Webhook(keys, context(settings), private)
    return found


def defaults(settings: Settings) -> Defaults:
    """What holds for people who have set nothing. Raises BadInput."""
    try:
        QuietHours.is_known(settings.notify_time_zone)
    except ValueError as error:
        raise BadInput(f"The time zone of notifications can't be used: {error}.", subject=QUIET) from error
    quiet = _quiet(settings.notify_quiet, settings.notify_time_zone)
    return Defaults(window=settings.notify_window, time_zone=settings.notify_time_zone, quiet=quiet)


def secret(name: str, setting: str) -> str:
    """A secret by the name of its variable; empty for no name. BadInput where it isn't set."""
    if not name:
        return ""
    value = os.environ.get(name, "").strip()
    if not value or not value.isprintable():
        raise BadInput(
            f"{setting} names {name}, which is not set to a line of text.",
            subject=name,
            way_out=f"Set {name} where `countersign notify serve` is started.",
        )
    return value


def context(settings: Settings) -> ssl.SSLContext:
    """The system's certificate authorities, and those of the operator."""
    made = ssl.create_default_context()
    if settings.egress_authorities:
        try:
            made.load_verify_locations(cafile=str(Path(settings.egress_authorities)))
        except OSError as error:
            raise BadInput(
                f"The certificate authorities in {settings.egress_authorities!r} can't be read: {error}.",
                subject="COUNTERSIGN_EGRESS_AUTHORITIES",
                way_out="Point it at a PEM file.",
            ) from error
    return made


def _smtp_credential(settings: Settings) -> tuple[str, str]:
    """The user and the name of the variable with the password, from `user:NAME`."""
    text = settings.notify_smtp_credential.strip()
    user, _, name = text.rpartition(":")
    if text and not (user and _NAME.fullmatch(name)):
        raise BadInput(
            f"{CREDENTIAL} is no user and variable.",
            subject=CREDENTIAL,
            way_out="Write it like countersign@example.com:SMTP_PASSWORD, where SMTP_PASSWORD is a variable.",
        )
    return user, name


def _slack(settings: Settings) -> str:
    """The name of the variable with the token. A token itself would be shown with the settings."""
    name = settings.notify_slack.strip()
    if name and not _NAME.fullmatch(name):
        raise BadInput(
            f"{SLACK} is no name of a variable.",
            subject=SLACK,
            way_out=f"Put the token into a variable, such as SLACK_TOKEN, and set {SLACK}=SLACK_TOKEN.",
        )
    return name


def _webhooks(settings: Settings) -> frozenset[tuple[tuple[str, int], str]]:
    """Host and port, and the name of the variable with the secret that messages there are signed with."""
    if not settings.notify_webhooks:
        return frozenset()
    from sandboxes.egress import operator

    return operator.named(settings.notify_webhooks, WEBHOOKS)


def _quiet(text: str, time_zone: str) -> QuietHours | None:
    """`18:00-08:00`, with `weekends` behind it where they are quiet, too."""
    if not text.strip():
        return None
    found = re.fullmatch(r"(\d\d:\d\d)-(\d\d:\d\d)( weekends)?", text.strip())
    try:
        if found:
            start, end = time.fromisoformat(found[1]), time.fromisoformat(found[2])
            return QuietHours(start=start, end=end, time_zone=time_zone, weekends=bool(found[3]))
    except (ValueError, ValidationError):
        pass
    raise BadInput(f"{QUIET} is no time: {text!r}.", subject=QUIET, way_out="Write it like 18:00-08:00 weekends.")
