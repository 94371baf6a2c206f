"""Tiers: what policies call models by, and which model each is here."""

from dataclasses import dataclass

from activities.models.protocol import Models
from contracts.policy import Tier


@dataclass(frozen=True)
class Tiers:
    """The models of this worker. Without a large one, the small one is all there is."""

    small: Models
    large: Models | None = None

    def at(self, tier: Tier | str) -> Models | None:
        """The model of a tier; None for the baseline, and for a tier that nothing is set for."""
        return {"small": self.small, "large": self.large}.get(tier)

    def known(self, tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
        """Those of the tiers that can be used here. A policy that starts above what there is gets what there is."""
        found = tuple(tier for tier in tiers if tier == "baseline" or self.at(tier) is not None)
        return found if found else ("small",)
