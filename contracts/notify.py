"""What people are told outside the console, by which way and when. docs/notification.md."""

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Annotated, Final, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from contracts import shown
from contracts.base import Contract
from contracts.errors import BadInput
from contracts.gate import QuietHours

Channel = Literal["email", "slack", "webhook"]
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)
BY: Final[dict[Channel, str]] = {"email": "by e-mail", "slack": "in Slack", "webhook": "by webhook"}
# Why somebody is told, the most urgent first.
Reason = Literal["expiring", "doubt", "escalation", "stuck", "handed", "reminder", "waiting", "test", "verify"]
REASONS: Final[dict[Reason, str]] = {
    "expiring": "About to expire undecided",
    "doubt": "Did it happen?",
    "escalation": "Nobody has decided",
    "stuck": "Does not go on",
    "handed": "Handed to you",
    "reminder": "Still waiting for you",
    "waiting": "Waiting for you",
    "test": "A test",
    "verify": "Your address",
}
Window = Literal["at once", "15 minutes", "hour", "day"]
WINDOWS: Final[tuple[Window, ...]] = get_args(Window)
_LENGTHS: Final[dict[Window, timedelta]] = {
    "at once": timedelta(0),
    "15 minutes": timedelta(minutes=15),
    "hour": timedelta(hours=1),
}
MOST_ITEMS = 20  # of one message; the rest is a number and the link to the inbox
TITLE, SAYS = 120, 200  # characters of what an agent wrote

# One plain mailbox: no list, no name, nothing that a header or a command of SMTP could be made of.
EMAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9-]{1,63}){0,8}"
SLACK = r"[UWCGD][A-Z0-9]{5,20}"
WEBHOOK = r"https://[A-Za-z0-9.-]{1,253}(?::\d{1,5})?(?:/[!-~]*)?"
Address = Annotated[str, Field(max_length=500)]


class Defaults(Contract):
    """What holds for people who have set nothing, as the operator's settings say it."""

    window: Window = "15 minutes"
    time_zone: str = "UTC"
    quiet: QuietHours | None = None


class Preference(Contract):
    """How one person wants to be told. An empty `email` is the one that they were enrolled with.

    `quiet` is in the person's own time zone. `urgent_at_once`: what is critical or about to expire waits for no window.
    """

    channels: tuple[Channel, ...] = ("email",)
    email: Address = Field(default="", pattern=rf"^({EMAIL})?$")
    slack: Address = Field(default="", pattern=rf"^({SLACK})?$")
    webhook: Address = Field(default="", pattern=rf"^({WEBHOOK})?$")
    window: Window = "15 minutes"
    daily_at: time = time(9)
    urgent_at_once: bool = True
    time_zone: str = "UTC"
    quiet: QuietHours | None = None

    @model_validator(mode="after")
    def in_one_time_zone(self) -> Self:
        QuietHours.is_known(self.time_zone)
        if self.quiet is not None and self.quiet.time_zone != self.time_zone:
            raise ValueError("quiet hours are in the person's own time zone")
        return self

    @classmethod
    def by_default(cls, defaults: Defaults) -> "Preference":
        return cls(window=defaults.window, time_zone=defaults.time_zone, quiet=defaults.quiet)

    def address(self, channel: Channel) -> str:
        return {"email": self.email, "slack": self.slack, "webhook": self.webhook}[channel]

    def due(self, notice: "Notice") -> datetime:
        """When it is to be said. Quiet hours put it off, unless it would be too late then."""
        at = notice.made_at
        if notice.reason in ("test", "verify"):
            return at
        if not (notice.urgent and self.urgent_at_once):
            at = self._gathered(at)
        if self.quiet is None:
            return at
        over = self.quiet.over(at)
        return at if notice.reason == "expiring" and notice.until and over >= notice.until else over

    def _gathered(self, at: datetime) -> datetime:
        if self.window != "day":
            return at + _LENGTHS[self.window]
        zone = ZoneInfo(self.time_zone)
        local = at.astimezone(zone)
        today = datetime.combine(local.date(), self.daily_at, zone)
        later = datetime.combine(local.date() + timedelta(days=1), self.daily_at, zone)
        return (today if today >= local else later).astimezone(at.tzinfo)


NoticeState = Literal["pending", "sent", "dropped", "failed"]


class Notice(Contract):
    """One thing that one person is to be told once, by one channel.

    `subject` with `revision` is what it is about: a run and the digest of its proposal, an effect's key and the entry
    that says so. `message`: the one that it was put into when somebody began to send it.
    """

    person: str
    subject: str
    reason: Reason
    channel: Channel
    revision: str
    run: str = ""
    workflow: str = ""
    title: str = ""
    says: str = ""
    urgent: bool = False
    critical: bool = False
    until: AwareDatetime | None = Field(default=None, description="when it expires")
    made_at: AwareDatetime
    state: NoticeState = "pending"
    message: str = ""
    attempts: int = 0
    lease_until: AwareDatetime | None = None
    next_at: AwareDatetime | None = Field(default=None, description="not tried again before")
    why: str = ""
    ended_at: AwareDatetime | None = None

    @property
    def key(self) -> tuple[str, ...]:
        return (self.person, self.subject, self.reason, self.channel, self.revision)


class Item(Contract):
    """A line of a message: all of it is cleaned and bounded text, and the link is our own."""

    reason: Reason
    title: str
    workflow: str
    says: str
    link: str
    critical: bool = False
    until: AwareDatetime | None = None

    @property
    def why(self) -> str:
        return REASONS[self.reason]


class Message(Contract):
    """What one person is sent by one channel at one time. The `id` stays the same however often it is tried."""

    id: str
    person: str
    greeting: str
    items: tuple[Item, ...]
    more: int = 0
    inbox: str
    preferences: str
    made_at: AwareDatetime
    code: str = Field(default="", repr=False, description="that proves that an address is the person's")

    @property
    def subject(self) -> str:
        if self.code:
            return "Countersign: your code"
        if len(self.items) == 1 and not self.more:
            why = self.items[0].why
            return f"{why}{' ' if why.endswith('?') else ': '}{self.items[0].title}"
        return f"Countersign: {len(self.items) + self.more} things for you"


def line(text: str, most: int) -> str:
    """Somebody else's words on one line: no control characters, nothing hidden, and no longer than `most`."""
    said = shown.spelt(" ".join(text.split()), frozenset())
    return said if len(said) <= most else f"{said[: most - 1].rstrip()}…"


def ordered(notices: Iterable[Notice]) -> list[Notice]:
    """One for each subject, that with the most urgent reason; the most urgent first, then by what expires first."""
    order = list(REASONS)
    found: dict[tuple[str, str], Notice] = {}
    for each in sorted(notices, key=lambda each: order.index(each.reason)):
        found.setdefault((each.subject, each.revision.partition("/")[0]), each)
    return sorted(found.values(), key=lambda each: (order.index(each.reason), not each.critical, _expiry(each)))


def _expiry(notice: Notice) -> datetime:
    return notice.until or notice.made_at + timedelta(days=3650)


class Wish(Contract):
    """A preference as a person writes it: all texts, as a form and a command line hand them over."""

    channels: tuple[str, ...] = Field(default=(), max_length=10)
    email: Address = ""
    slack: Address = ""
    webhook: Address = ""
    window: Address = "15 minutes"
    daily_at: Address = "09:00"
    urgent_at_once: bool = False
    time_zone: Address = "UTC"
    quiet_from: Address = ""
    quiet_to: Address = ""
    quiet_weekends: bool = False

    @classmethod
    def of(cls, known: Preference) -> "Wish":
        quiet = known.quiet
        same = known.model_dump(
            include={"email", "slack", "webhook", "window", "urgent_at_once", "time_zone", "channels"}
        )
        return cls(
            daily_at=f"{known.daily_at:%H:%M}",
            quiet_from=f"{quiet.start:%H:%M}" if quiet else "",
            quiet_to=f"{quiet.end:%H:%M}" if quiet else "",
            quiet_weekends=bool(quiet and quiet.weekends),
            **same,
        )

    def read(self) -> Preference:
        """What they mean. BadInput, with the field and what is wrong with it."""
        values = self.model_dump(include=set(Preference.model_fields) - {"quiet"})
        quiet = {"start": self.quiet_from, "end": self.quiet_to, "weekends": self.quiet_weekends}
        if self.quiet_from or self.quiet_to or self.quiet_weekends:
            if not (self.quiet_from and self.quiet_to):
                raise _wrong("quiet", "quiet hours have a beginning and an end")
            values["quiet"] = quiet | {"time_zone": self.time_zone}
        try:
            return Preference.model_validate({name: _stripped(value) for name, value in values.items()})
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = str(first["loc"][0]) if first["loc"] else "quiet"
            raise _wrong(field, FORMS.get(field) or first["msg"].removeprefix("Value error, ")) from None


FORMS: Final = {
    "email": "it is one plain address, like ana@example.com",
    "slack": "it is the id of a member or a conversation, like U012AB3CDEF",
    "webhook": "it is an https address",
    "channels": f"there are {', '.join(CHANNELS)}",
    "window": f"there are {', '.join(WINDOWS)}",
    "daily_at": "it is a time, like 09:00",
}


def _wrong(field: str, why: str) -> BadInput:
    return BadInput(f"This can't be kept as {field.replace('_', ' ')}: {why}.", subject=field)


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def is_email(text: str) -> bool:
    return len(text) <= 254 and re.fullmatch(EMAIL, text) is not None
