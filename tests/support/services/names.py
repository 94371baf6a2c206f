"""A name for the stand-ins. Inside a sandbox `localhost` is the sandbox itself, so theirs is another one."""

import socket
from typing import Any

HOST = "github.test"
_ask = socket.getaddrinfo


def resolving(host: Any, *args: Any, **named: Any) -> Any:
    """`socket.getaddrinfo`, by which HOST is this host. It takes its place in a test, or in a process of a test's."""
    return _ask("127.0.0.1" if host in (HOST, HOST.encode()) else host, *args, **named)
