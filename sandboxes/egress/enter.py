"""A helper process that opens a listener inside another process's network namespace, and passes it back.

Run by itself with a bare interpreter, so it imports the standard library only. It takes orders (a JSON object with
pid and port) over the socket that is its standard input; each order is done by a fork of its own, since a process
that has entered a namespace stays there. It has one thread: a process with more may not enter a user namespace.
It ends when its owner does.
"""

import ctypes
import fcntl
import json
import os
import socket
import sys
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
NS_GET_USERNS = 0xB701
IP_FREEBIND = 15  # loopback may not be up yet
BACKLOG = 128
LIBC = ctypes.CDLL(None, use_errno=True)


def serve(orders: socket.socket) -> None:
    while order := orders.recv(4096):
        child = os.fork()
        if child == 0:
            answer(orders, json.loads(order))
            os._exit(0)
        os.waitpid(child, 0)


def answer(orders: socket.socket, order: dict[str, int]) -> None:
    try:
        listener = listen(order["pid"], order["port"])
    except OSError as error:
        orders.send(json.dumps({"errno": error.errno or 0, "says": error.strerror or str(error)}).encode())
    else:
        socket.send_fds(orders, [b"{}"], [listener.fileno()])


def listen(pid: int, port: int) -> socket.socket:
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if os.fstat(network).st_ino == Path("/proc/self/ns/net").stat().st_ino:
        raise OSError(0, "it shares the host's network")
    enter(network)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(BACKLOG)
    return listener


def enter(network: int) -> None:
    """Root may go straight in. Others may by way of the user namespace that the network belongs to, if they made it."""
    try:
        setns(network, CLONE_NEWNET)
    except PermissionError:
        setns(fcntl.ioctl(network, NS_GET_USERNS), CLONE_NEWUSER)
        setns(network, CLONE_NEWNET)


def setns(descriptor: int, kind: int) -> None:
    if LIBC.setns(descriptor, kind) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    with socket.socket(fileno=0) as owner:
        serve(owner)
