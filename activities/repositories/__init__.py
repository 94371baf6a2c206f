"""Repositories as workflows meet them: a folder of this host or a URL, and git on them inside a sandbox."""

from activities.repositories.bring import Repositories
from activities.repositories.cache import Mirrors
from activities.repositories.source import Source

__all__ = ["Mirrors", "Repositories", "Source"]
