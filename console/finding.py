"""One thing of an installation that was looked at."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """A number of it, as a gauge: `name` in Prometheus' manner without our prefix, with its unit at the end."""

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """How a thing is in words, the way to fix it where it is not well, and its figures."""

    name: str
    ok: bool
    says: str
    fix: str = ""
    figures: tuple[Figure, ...] = field(default=(), compare=False)
