"""Which service a client talks to, in words that may be shown: never with the key."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from activities.models.prices import Tariff

LONGEST_QUOTE = 300


@dataclass(frozen=True)
class Timeouts:
    """Seconds. `silence` is the longest pause between two chunks of a stream: past it the call is dead."""

    connect: float = 10.0
    silence: float = 60.0
    whole: float = 280.0


@dataclass(frozen=True)
class Service:
    """One model behind one API. The settings' names are here so that an error can say which to fix."""

    provider: str
    model: str
    key: str = field(repr=False)
    base_url: str = field(repr=False)
    key_setting: str
    url_setting: str
    tariff: Tariff
    model_setting: str = "COUNTERSIGN_MODEL"
    timeouts: Timeouts = Timeouts()
    allow_unpriced: bool = False

    @property
    def place(self) -> str:
        """The base URL without anything secret that a person put into it."""
        parts = urlsplit(self.base_url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def quote(self, said: str) -> str:
        """What a provider said, on one line, cut, with the key and the URL's secrets taken out."""
        clean = " ".join(said.split())
        for secret in (self.key, self.base_url if self.base_url != self.place else ""):
            clean = clean.replace(secret, "[removed]") if secret else clean
        return clean[:LONGEST_QUOTE]
