"""The Temporal server: found, fetched or built, started with measured settings, ended."""

from workers.devserver.attributes import ensure_search_attributes, missing_search_attributes
from workers.devserver.finding import CLI_VERSION, Binary, find, kept_path, look
from workers.devserver.server import DevServer, ServerPlan, connect, spawn, wait_until_healthy
from workers.devserver.state import ServerFolder

__all__ = [
    "CLI_VERSION",
    "Binary",
    "DevServer",
    "ServerFolder",
    "ServerPlan",
    "connect",
    "ensure_search_attributes",
    "find",
    "kept_path",
    "look",
    "missing_search_attributes",
    "spawn",
    "wait_until_healthy",
]
