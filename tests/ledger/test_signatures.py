"""Signatures: both ways with the real ssh-keygen, and no to everything that is not quite right."""

import base64
import hashlib
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from contracts.decision import Signature
from contracts.errors import BadInput
from contracts.signatures import BEGIN, END, MAGIC, public_line, raw_sign, sshsig_sign, verify
from contracts.wire import fingerprint

DATA = b'{"digest":"sha256:00"}'
needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


@pytest.fixture(scope="module")
def private() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def sshsig(line: str, value: str) -> Signature:
    return Signature(scheme="sshsig", key=fingerprint(line), value=value)


def keygen(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["ssh-keygen", *arguments], input=data, capture_output=True, check=False)


@needs_ssh
def test_ours_is_byte_for_byte_what_ssh_keygen_writes(private: Ed25519PrivateKey, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    key.chmod(0o600)
    theirs = keygen("-q", "-Y", "sign", "-f", str(key), "-n", "countersign", "-", data=DATA)
    assert theirs.stdout.decode() == sshsig_sign(private, DATA)


@needs_ssh
@pytest.mark.parametrize(
    "kind", [["ed25519"], ["ecdsa", "-b", "256"], ["ecdsa", "-b", "384"], ["ecdsa", "-b", "521"], ["rsa"]]
)
def test_what_ssh_keygen_signs_is_verified(kind: list[str], tmp_path: Path) -> None:
    key = tmp_path / "key"
    keygen("-q", "-t", *kind, "-N", "", "-C", "ana@host", "-f", str(key))
    line = key.with_suffix(".pub").read_text()
    for _ in range(4):  # ECDSA's numbers differ in length from one signature to the next
        value = keygen("-q", "-Y", "sign", "-f", str(key), "-n", "countersign", "-", data=DATA).stdout.decode()
        assert verify(sshsig(line, value), line, DATA)
        assert not verify(sshsig(line, value), line, DATA + b" ")
    other = keygen("-q", "-Y", "sign", "-f", str(key), "-n", "git", "-", data=DATA).stdout.decode()
    assert not verify(sshsig(line, other), line, DATA)
    printed = keygen("-l", "-f", str(key)).stdout.decode().split()[1]
    assert fingerprint(line) == printed


@needs_ssh
def test_what_we_sign_is_verified_by_ssh_keygen(private: Ed25519PrivateKey, tmp_path: Path) -> None:
    allowed, signature = tmp_path / "allowed", tmp_path / "sig"
    allowed.write_text(f"ana {public_line(private)}\n")
    signature.write_text(sshsig_sign(private, DATA))
    check = ["-Y", "verify", "-f", str(allowed), "-I", "ana", "-n", "countersign", "-s", str(signature)]
    assert keygen(*check, data=DATA).returncode == 0
    assert keygen(*check, data=DATA + b" ").returncode != 0


def test_a_browsers_raw_signature_is_verified(private: Ed25519PrivateKey) -> None:
    line = public_line(private, "browser")
    good = Signature(scheme="ed25519", key=fingerprint(line), value=raw_sign(private, DATA))
    assert verify(good, line, DATA)
    assert not verify(good, line, DATA + b" ")
    assert not verify(good.model_copy(update={"scheme": "sshsig"}), line, DATA)
    ssh = sshsig(line, sshsig_sign(private, DATA))
    assert not verify(ssh.model_copy(update={"scheme": "ed25519"}), line, DATA)


def test_a_signature_by_another_key_is_no(private: Ed25519PrivateKey) -> None:
    other = Ed25519PrivateKey.generate()
    line, value = public_line(private), sshsig_sign(other, DATA)
    assert not verify(sshsig(line, value), line, DATA), "the key inside the signature proves nothing"
    assert not verify(sshsig(public_line(other), value), line, DATA)


def test_an_unknown_scheme_is_no(private: Ed25519PrivateKey) -> None:
    line = public_line(private)
    odd = Signature.model_construct(scheme="none", key=fingerprint(line), value="")  # type: ignore[arg-type]
    assert not verify(odd, line, DATA)


def test_no_mangled_signature_passes_or_raises(private: Ed25519PrivateKey) -> None:
    line, good = public_line(private), sshsig_sign(private, DATA)
    body = base64.b64decode("".join(good.splitlines()[1:-1]))
    mangled = [body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :] for at in range(len(body))]
    mangled += [body[:at] for at in range(0, len(body), 7)] + [body + b"\0", b"", MAGIC, MAGIC + b"\xff" * 20]
    for one in mangled:
        armored = f"{BEGIN}\n{base64.b64encode(one).decode()}\n{END}\n"
        assert not verify(sshsig(line, armored), line, DATA)
    for text in ("", "x", BEGIN, BEGIN + END, good[5:], f"{BEGIN}\n!!!\n{END}", "🎉" * 100, "A" * 10**6):
        assert not verify(sshsig(line, text), line, DATA)


def hardware(private: Ed25519PrivateKey, flags: int) -> tuple[str, str]:
    """What a FIDO key's signature looks like (PROTOCOL.u2f): public line and armored signature."""
    string = lambda value: struct.pack(">I", len(value)) + value  # noqa: E731
    kind, application = b"sk-ssh-ed25519@openssh.com", b"ssh:"
    point = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key = string(kind) + string(point) + string(application)
    inner = b"".join(string(one) for one in (b"countersign", b"", b"sha512", hashlib.sha512(DATA).digest()))
    counter = struct.pack(">BI", flags, 7)
    over = hashlib.sha256(application).digest() + counter + hashlib.sha256(MAGIC + inner).digest()
    signature = string(kind) + string(private.sign(over)) + counter
    body = (
        MAGIC + struct.pack(">I", 1) + b"".join(string(one) for one in (key, b"countersign", b"", b"sha512", signature))
    )
    line = f"{kind.decode()} {base64.b64encode(key).decode()} ana"
    return line, f"{BEGIN}\n{base64.b64encode(body).decode()}\n{END}\n"


def test_a_hardware_key_has_to_be_touched(private: Ed25519PrivateKey) -> None:
    line, value = hardware(private, flags=1)
    assert verify(sshsig(line, value), line, DATA)
    line, value = hardware(private, flags=0)
    assert not verify(sshsig(line, value), line, DATA)


@pytest.mark.parametrize(
    "line", ["", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-rsa AAAA", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA"]
)
def test_a_line_that_is_no_key_is_named(line: str) -> None:
    with pytest.raises(BadInput, match="not an OpenSSH public key"):
        fingerprint(line)


def test_a_comment_cannot_add_a_line(private: Ed25519PrivateKey) -> None:
    assert "\n" not in public_line(private, "ana\nssh-ed25519 AAAA")
