"""Signed tree heads: what is under the signature, how they chain, and the ledger's own key."""

import base64
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_ssh_private_key,
    load_ssh_public_key,
)
from sqlalchemy.engine import RowMapping

from contracts.digests import canonical_json, tagged_digest
from contracts.errors import StateUnusable
from contracts.records import Head

HEAD_TAG = "countersign/head/v1"
SIGNED = {"number", "size", "root", "previous", "sealed_at", "key"}  # fields added later are not in v1


def signed_bytes(realm: str, head: Head) -> bytes:
    """Everything in a head but its signature, and the installation that it belongs to."""
    fields: dict[str, Any] = head.model_dump(mode="json", include=SIGNED)
    return HEAD_TAG.encode() + b"\0" + canonical_json(fields | {"realm": realm})


def head_hash(realm: str, head: Head) -> str:
    """What the next head names as `previous`. It covers the signature too."""
    return tagged_digest(HEAD_TAG, signed_bytes(realm, head) + b"\0" + head.signature.encode())


def sign(key: Ed25519PrivateKey, realm: str, head: Head) -> Head:
    value = base64.b64encode(key.sign(signed_bytes(realm, head))).decode()
    return head.model_copy(update={"signature": value})


def is_signed(public: Ed25519PublicKey, realm: str, head: Head) -> bool:
    try:
        public.verify(base64.b64decode(head.signature, validate=True), signed_bytes(realm, head))
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key(line: str) -> Ed25519PublicKey:
    """The key in an OpenSSH line. StateUnusable when it is no Ed25519 key."""
    try:
        key = load_ssh_public_key(line.encode())
    except ValueError as error:
        raise StateUnusable("The ledger's public key cannot be read.", subject=line[:80]) from error
    if not isinstance(key, Ed25519PublicKey):
        raise StateUnusable("The ledger's key is not an Ed25519 key.", subject=line[:80])
    return key


def load_or_make(path: Path) -> Ed25519PrivateKey:
    """The ledger's private key in `path`, made with mode 0600 when absent. Two makers at once get one key."""
    try:
        if not path.exists():
            _make(path)
        key = load_ssh_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise StateUnusable(
            f"The ledger's key {str(path)!r} cannot be read ({error}).",
            subject=str(path),
            way_out="Restore the file, or check who owns it and its folder.",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StateUnusable(f"{str(path)!r} is not an Ed25519 key.", subject=str(path))
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # unlike a rename, it does not replace the key of another maker
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def leaf_data(entry: int, recorded_at: str, digest: str) -> bytes:
    """What the tree's leaf is the hash of."""
    return f'["countersign/leaf/v1",{entry},"{recorded_at}","{digest}"]'.encode()


def head_of(row: RowMapping) -> Head:
    return Head.model_validate(dict(row))


def frontier_of(row: RowMapping) -> list[bytes]:
    """ValueError when the column was changed into something else."""
    nodes = json.loads(row["frontier"])
    if not isinstance(nodes, list) or not all(isinstance(node, str) for node in nodes):
        raise ValueError("no list of hashes")
    return [base64.b64decode(node, validate=True) for node in nodes]


def frontier_text(nodes: Sequence[bytes]) -> str:
    """The frontier as the column keeps it."""
    return json.dumps([base64.b64encode(node).decode() for node in nodes])
