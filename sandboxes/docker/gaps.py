"""What a container provider doesn't hold that bubblewrap does, and why. A policy that needs it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Gap:
    """`attempts` are those of `tests/sandboxes/escapes/attempts.py` that succeed here, for the reason `why`."""

    why: str
    attempts: tuple[str, ...]


DOCKER: Mapping[str, Gap] = {}
GVISOR: Mapping[str, Gap] = {}
