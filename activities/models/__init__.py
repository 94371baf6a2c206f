"""Models: one seam over every provider. Nothing is imported from a provider's client until it is used."""

from activities.models.environment import models_from_environment
from activities.models.protocol import Models, Progress

__all__ = ["Models", "Progress", "models_from_environment"]
