"""Models: one seam over every provider. Nothing is imported from a provider's client until it is used."""

from activities.models.environment import models_from_environment
from activities.models.protocol import Models, Progress
from activities.models.tiers import Tiers

__all__ = ["Models", "Progress", "Tiers", "models_from_environment"]
