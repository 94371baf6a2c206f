"""A registry of this host with two tiny packages, for npm to install from.

It speaks as registry.npmjs.org does (npm/registry, docs/responses/package-metadata.md): packuments, abbreviated
for who asks so, with absolute URLs of tarballs and their integrity; gzip and ETags; errors in JSON. `serve` it by
tests/support/tls_host.py, since a registry is asked over TLS.
"""

import base64
import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.support.tls_host import Answer, Host, Seen

HOST = "registry.test"
ABBREVIATED = "application/vnd.npm.install-v1+json"
SUM, PLUS = "tinysum", "@acme/plus"
PACKAGES: dict[tuple[str, str], tuple[dict[str, Any], str]] = {
    (SUM, "1.2.0"): (
        # A script that must not run: nobody's package runs a program where it is installed.
        {"dependencies": {PLUS: "^1.0.0"}, "scripts": {"postinstall": "touch ../../ran && exit 1"}},
        f"const plus = require('{PLUS}'); exports.sum = numbers => numbers.reduce(plus, 0);\n",
    ),
    (SUM, "2.0.0-beta.1"): ({}, "throw new Error('nobody asked for a beta');\n"),
    (PLUS, "1.0.3"): ({}, "module.exports = (a, b) => a + b;\n"),
}


def tarball(name: str, version: str) -> bytes:
    """As `npm pack` makes it: everything below package/."""
    more, code = PACKAGES[name, version]
    files = {
        "package.json": json.dumps({"name": name, "version": version, "main": "index.js", **more}),
        "index.js": code,
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, text in files.items():
            about = tarfile.TarInfo(f"package/{path}")
            about.size, about.mode = len(text), 0o644
            archive.addfile(about, io.BytesIO(text.encode()))
    return packed.getvalue()


def integrity(data: bytes) -> str:
    """Subresource integrity, as npm has it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"


@dataclass
class NpmRegistry(Host):
    """The registry. `forged`: tarballs of that name are not what their integrity says."""

    forged: str = ""
    tarballs: dict[tuple[str, str], bytes] = field(default_factory=lambda: {each: tarball(*each) for each in PACKAGES})

    def __post_init__(self) -> None:
        self.act = self.answer

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/"

    @property
    def paths(self) -> list[str]:
        return [unquote(seen.target) for seen in self.seen]

    def answer(self, seen: Seen) -> Answer:
        path = unquote(seen.target).removeprefix("/")
        if seen.method != "GET":
            return _json(seen, 405, {"error": "method not allowed"})
        for name, version in PACKAGES:
            if path == self._file(name, version):
                data = self.tarballs[name, version]
                data = gzip.compress(b"forged") if self.forged == name else data
                return Answer(data, 200, [("Content-Type", "application/octet-stream")])
        if path in {name for name, _ in PACKAGES}:
            return self._packument(seen, path)
        return _json(seen, 404, {"error": "Not found"})

    def resolved(self, name: str, version: str) -> str:
        """A tarball's URL, as packuments and lock files have it."""
        return self.url + self._file(name, version)

    def _file(self, name: str, version: str) -> str:
        return f"{name}/-/{name.rpartition('/')[2]}-{version}.tgz"

    def _packument(self, seen: Seen, name: str) -> Answer:
        short = any(ABBREVIATED in each for each in seen.header("accept"))
        versions = {version: self._version(name, version, short) for at, version in PACKAGES if at == name}
        latest = min(versions)  # the others are betas
        told = {"name": name, "dist-tags": {"latest": latest, "next": max(versions)}, "versions": versions}
        if not short:
            told |= {"_id": name, "readme": "…" * 2000, "time": dict.fromkeys(versions, "2020-01-01T00:00:00.000Z")}
        return _json(seen, 200, told, ABBREVIATED if short else "application/json")

    def _version(self, name: str, version: str, short: bool) -> dict[str, Any]:
        more, data = PACKAGES[name, version][0], self.tarballs[name, version]
        dist = {
            "tarball": self.resolved(name, version),
            "integrity": integrity(data),
            "shasum": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
            "fileCount": 2,
        }
        told = {"name": name, "version": version, "dist": dist, **more}
        if short and told.pop("scripts", None):
            told["hasInstallScript"] = True
        return told


def _json(seen: Seen, status: int, told: object, kind: str = "application/json") -> Answer:
    body = json.dumps(told).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if tag in seen.header("if-none-match"):
        return Answer(b"", 304, [("ETag", tag)])
    headers = [
        ("Content-Type", kind),
        ("ETag", tag),
        ("Vary", "accept-encoding, accept"),
        ("Cache-Control", "public, max-age=300"),
    ]
    if any("gzip" in each for each in seen.header("accept-encoding")):
        body, headers = gzip.compress(body), [*headers, ("Content-Encoding", "gzip")]
    return Answer(body, status, headers)
