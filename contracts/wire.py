"""SSH's wire format (RFC 4251, section 5): length-prefixed strings, and public keys on one line."""

import base64
import hashlib
import struct

from contracts.errors import BadInput


class Malformed(ValueError):
    """The bytes are not what they are read as."""


def string(value: bytes) -> bytes:
    """`value` after its length, four bytes, big-endian."""
    return struct.pack(">I", len(value)) + value


class Reader:
    """Reads what `string` wrote. Malformed when bytes are missing or left over."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise Malformed("cut off")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def end(self) -> None:
        if self.at != len(self.data):
            raise Malformed("bytes left over")


def key_blob(line: str) -> bytes:
    """A public key's bytes from its one-line form, after checking that line and bytes name the same type."""
    words = line.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
        if Reader(blob).string() != words[0].encode("ascii"):
            raise Malformed("the type in the line is not the type in the key")
    except (IndexError, ValueError) as error:
        raise BadInput(
            f"{line[:80]!r} is not an OpenSSH public key.",
            subject=line[:80],
            way_out="Give the one line of a .pub file, such as 'ssh-ed25519 AAAA… name'.",
        ) from error
    return blob


def fingerprint(line: str) -> str:
    """`SHA256:…` as `ssh-keygen -l` prints it. BadInput when the line is no public key."""
    return blob_fingerprint(key_blob(line))


def blob_fingerprint(blob: bytes) -> str:
    digest = hashlib.sha256(blob).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
