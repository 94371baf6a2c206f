"""What an operator decides about hosted sandboxes, from the worker's environment (and only when asked for)."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from contracts.errors import SandboxUnavailable

SWITCH, KEY, URL, TARGET = "COUNTERSIGN_HOSTED_SANDBOXES", "DAYTONA_API_KEY", "DAYTONA_API_URL", "DAYTONA_TARGET"
IMAGE, INSTALL = "COUNTERSIGN_HOSTED_IMAGE", "uv sync --extra hosted (or: pip install 'countersign-platform[hosted]')"
VENDOR = "https://app.daytona.io/api"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Options:
    """`switch` has to be "daytona", or every sandbox is refused. The key is never shown."""

    switch: str = ""
    key: str = field(default="", repr=False)
    url: str = VENDOR
    target: str = ""
    image: str = "python:3.12-bookworm"
    create_seconds: float = 300
    call_seconds: int = 120
    most_at_once: int = 32
    idle_minutes: int = 15
    life_minutes: int = 24 * 60

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Options":
        return cls(
            switch=environment.get(SWITCH, "").strip().lower(),
            key=environment.get(KEY, "").strip(),
            url=environment.get(URL, "").strip() or VENDOR,
            target=environment.get(TARGET, "").strip(),
            image=environment.get(IMAGE, "").strip() or cls.image,
        )

    def check(self) -> None:
        """Raises SandboxUnavailable with the setting to fix. Nothing is sent."""
        if self.switch != "daytona":
            raise _unavailable(
                "Hosted sandboxes are off: they send repositories to a third party.",
                f"An operator who accepts that sets {SWITCH}=daytona where the worker is started.",
            )
        if not installed():
            raise _unavailable("Daytona's SDK is not installed.", INSTALL)
        if not self.key:
            raise _unavailable("There is no key for Daytona.", f"Set {KEY} where the worker is started.")
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise _unavailable(f"{self.url!r} would carry the key without TLS.", f"Set {URL} to an https:// address.")


def installed() -> bool:
    return importlib.util.find_spec("daytona") is not None


def _unavailable(what: str, way_out: str) -> SandboxUnavailable:
    return SandboxUnavailable(what, subject="daytona", way_out=way_out)
