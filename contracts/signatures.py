"""Signatures by people: SSH signatures (`ssh-keygen -Y sign`), passkeys, and raw Ed25519 from a browser.

Pure functions over `cryptography`; nothing here reads a file. `verify` never raises for a bad signature,
whatever bytes it is given: it answers no.

The format is OpenSSH's PROTOCOL.sshsig; that of hardware keys (`sk-ssh-ed25519@openssh.com`) is PROTOCOL.u2f.
"""

import base64
import hashlib
import struct

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

from contracts import passkeys
from contracts.decision import Signature
from contracts.errors import BadInput
from contracts.wire import Malformed, Reader, blob_fingerprint, fingerprint, key_blob, string

NAMESPACE = "countersign"
MAGIC = b"SSHSIG"
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
LINE = 70  # OpenSSH breaks base64 after 70 characters
LONGEST = 20_000  # characters of an armored signature; an RSA one of 16,384 bits has 6,000
HASHES = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
USER_PRESENT = 0x01  # the flag a hardware key sets when it was touched
CURVE_HASHES: dict[str, type[HashAlgorithm]] = {"secp256r1": SHA256, "secp384r1": SHA384, "secp521r1": SHA512}
RSA_HASHES: dict[bytes, type[HashAlgorithm]] = {b"rsa-sha2-256": SHA256, b"rsa-sha2-512": SHA512}
SMALLEST_RSA = 2048  # bits


def sshsig_sign(private: Ed25519PrivateKey, data: bytes, namespace: str = NAMESPACE) -> str:
    """An armored SSH signature, byte for byte what `ssh-keygen -Y sign -n NAMESPACE` writes."""
    key = key_blob(public_line(private))
    signature = string(b"ssh-ed25519") + string(private.sign(_signed_bytes(namespace, b"", "sha512", data)))
    body = MAGIC + struct.pack(">I", 1) + string(key) + string(namespace.encode())
    return _armor(body + string(b"") + string(b"sha512") + string(signature))


def signed_by(armored: str) -> str:
    """The fingerprint of the key that an armored SSH signature says it is by. BadInput for anything else."""
    try:
        reader = Reader(_unarmor(armored))
        if reader.take(len(MAGIC)) != MAGIC or reader.number() != 1:
            raise Malformed("no SSH signature of version 1")
        return blob_fingerprint(reader.string())
    except ValueError as error:
        raise BadInput("That is no SSH signature.", way_out="Sign with `ssh-keygen -Y sign -n countersign`.") from error


def sshsig(private: Ed25519PrivateKey, data: bytes) -> Signature:
    """The same, with the key that made it."""
    return Signature(scheme="sshsig", key=fingerprint(public_line(private)), value=sshsig_sign(private, data))


def raw_sign(private: Ed25519PrivateKey, data: bytes) -> str:
    """A raw Ed25519 signature in base64, as a browser's WebCrypto makes it."""
    return base64.b64encode(private.sign(data)).decode()


def verify(signature: Signature, public_key_line: str, data: bytes, namespace: str = NAMESPACE) -> bool:
    """Whether `signature` over `data` is by the key in `public_key_line`. Anything malformed: no."""
    try:
        if signature.key != fingerprint(public_key_line):
            return False
        if signature.scheme == "sshsig":
            _verify_sshsig(signature.value, key_blob(public_key_line), data, namespace)
        elif signature.scheme == "ed25519":
            _verify_raw(signature.value, key_blob(public_key_line), data)
        elif signature.scheme == "passkey":
            passkeys.verify(signature.value, public_key_line, data)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, BadInput):
        return False
    return True


def public_line(key: Ed25519PrivateKey | Ed25519PublicKey, comment: str = "") -> str:
    """The OpenSSH one-line form: `ssh-ed25519 AAAA… comment`."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return f"{line} {' '.join(comment.split())}".rstrip()


def _verify_sshsig(armored: str, enrolled: bytes, data: bytes, namespace: str) -> None:
    reader = Reader(_unarmor(armored))
    if reader.take(len(MAGIC)) != MAGIC or reader.number() != 1:
        raise Malformed("no SSH signature of version 1")
    embedded, space, reserved = reader.string(), reader.string(), reader.string()
    algorithm, signature = reader.string().decode("ascii"), reader.string()
    reader.end()
    if embedded != enrolled or space != namespace.encode() or algorithm not in HASHES:
        raise InvalidSignature
    _verify_blob(enrolled, signature, _signed_bytes(namespace, reserved, algorithm, data))


def _verify_raw(value: str, enrolled: bytes, data: bytes) -> None:
    reader = Reader(enrolled)
    if reader.string() != b"ssh-ed25519":
        raise InvalidSignature
    signature = base64.b64decode(value, validate=True)
    Ed25519PublicKey.from_public_bytes(reader.string()).verify(signature, data)


def _signed_bytes(namespace: str, reserved: bytes, algorithm: str, data: bytes) -> bytes:
    digest = HASHES[algorithm](data).digest()
    fields = (namespace.encode(), reserved, algorithm.encode(), digest)
    return MAGIC + b"".join(string(field) for field in fields)


def _verify_blob(key: bytes, signature: bytes, signed: bytes) -> None:
    """Check an SSH signature blob against an SSH public key blob, by the key's own type."""
    public, reader = Reader(key), Reader(signature)
    kind, made_by = public.string(), reader.string()
    if kind == b"ssh-ed25519" == made_by:
        Ed25519PublicKey.from_public_bytes(public.string()).verify(reader.string(), signed)
    elif kind == b"sk-ssh-ed25519@openssh.com" == made_by:
        _verify_hardware(public, reader, signed)
    elif kind == b"ssh-rsa" and made_by in RSA_HASHES:
        _verify_rsa(key, RSA_HASHES[made_by], reader.string(), signed)
    elif kind.startswith(b"ecdsa-sha2-") and kind == made_by:
        _verify_ecdsa(key, reader.string(), signed)
    else:
        raise InvalidSignature
    reader.end()


def _verify_hardware(public: "Reader", reader: "Reader", signed: bytes) -> None:
    point, application = public.string(), public.string()
    raw, flags, counter = reader.string(), reader.take(1), reader.take(4)
    if not flags[0] & USER_PRESENT:
        raise InvalidSignature  # nobody touched the key
    digests = hashlib.sha256(application).digest(), hashlib.sha256(signed).digest()
    Ed25519PublicKey.from_public_bytes(point).verify(raw, digests[0] + flags + counter + digests[1])


def _verify_rsa(key: bytes, algorithm: type[HashAlgorithm], raw: bytes, signed: bytes) -> None:
    public = load_ssh_public_key(b"ssh-rsa " + base64.b64encode(key))
    if not isinstance(public, rsa.RSAPublicKey) or public.key_size < SMALLEST_RSA:
        raise InvalidSignature
    public.verify(raw, signed, padding.PKCS1v15(), algorithm())


def _verify_ecdsa(key: bytes, raw: bytes, signed: bytes) -> None:
    kind = Reader(key).string()
    public = load_ssh_public_key(kind + b" " + base64.b64encode(key))
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise InvalidSignature
    numbers = Reader(raw)
    r, s = (int.from_bytes(numbers.string(), "big", signed=True) for _ in range(2))
    numbers.end()
    public.verify(encode_dss_signature(r, s), signed, ec.ECDSA(CURVE_HASHES[public.curve.name]()))


def _armor(body: bytes) -> str:
    text = base64.b64encode(body).decode()
    lines = [text[at : at + LINE] for at in range(0, len(text), LINE)]
    return "\n".join([BEGIN, *lines, END, ""])


def _unarmor(armored: str) -> bytes:
    text = armored.strip()
    if len(text) > LONGEST or not (text.startswith(BEGIN) and text.endswith(END)):
        raise Malformed("no armored SSH signature")
    return base64.b64decode("".join(text[len(BEGIN) : -len(END)].split()), validate=True)
