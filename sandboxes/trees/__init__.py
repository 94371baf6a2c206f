"""How a repository's work tree arrives in a sandbox: made once for a host, then shared by all that start with it."""

from sandboxes.trees.arrival import WAYS, Arrival, Trees, Way

__all__ = ["WAYS", "Arrival", "Trees", "Way"]
