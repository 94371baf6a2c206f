"""A git host: `git http-backend` behind TLS, where each token may read or read and write."""

import base64
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.tls_host import Answer, Host, Seen, serving

READ, WRITE = "sentinel-read-7788", "sentinel-write-9911"


@dataclass
class GitHost:
    """Repositories in `folder`: those in `public` are read by anybody, all others with a token."""

    folder: Path
    host: Host
    public: set[str] = field(default_factory=set)

    @property
    def port(self) -> int:
        return self.host.port

    def url(self, name: str, host: str = "git.test") -> str:
        return f"https://{host}:{self.port}/{name}"

    def add(self, name: str, source: Path) -> Path:
        """A bare copy of a repository, to be read and pushed to."""
        bare = self.folder / name
        subprocess.run(["git", "clone", "-q", "--bare", str(source), str(bare)], check=True)
        subprocess.run(["git", "-C", str(bare), "config", "http.receivepack", "true"], check=True)
        return bare

    def act(self, seen: Seen) -> Answer:
        path, _, query = seen.target.partition("?")
        token = _token(seen)
        writes = "git-receive-pack" in seen.target
        if not (token == WRITE or (not writes and (token == READ or path.split("/")[1] in self.public))):
            return Answer(b"who are you?", 401, [("WWW-Authenticate", 'Basic realm="git"')])
        return self._backend(seen, path, query)

    def _backend(self, seen: Seen, path: str, query: str) -> Answer:
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": seen.method,
            "REMOTE_USER": "somebody",
            "CONTENT_TYPE": "".join(seen.header("content-type")),
            "CONTENT_LENGTH": str(len(seen.body)),
            "HTTP_CONTENT_ENCODING": "".join(seen.header("content-encoding")),
            "GIT_PROTOCOL": "".join(seen.header("git-protocol")),
        }
        done = subprocess.run(["git", "http-backend"], input=seen.body, env=environment, capture_output=True)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n") if line]
        headers = [(name, value) for name, value in lines if name != "Status"]
        status = next((int(value.split()[0]) for name, value in lines if name == "Status"), 200)
        return Answer(body, status, headers)


def _token(seen: Seen) -> str:
    for value in seen.header("authorization"):
        if value.startswith("Basic "):
            return base64.b64decode(value[6:]).decode().rpartition(":")[2]
    return ""


@asynccontextmanager
async def git_host(folder: Path, pem: Path) -> AsyncIterator[GitHost]:
    """Started on a free port of 127.0.0.1, with the certificate and key in `pem`."""
    host = Host()
    served = GitHost(folder, host)
    host.act = served.act
    async with serving(host.serve, pem) as port:
        host.port = port
        yield served
