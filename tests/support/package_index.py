"""A package index of this host with one tiny wheel, for pip to install from: PEP 503, on a port of its own."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, VERSION = "tinysum", "1.2.0"
WHEEL = f"{NAME}-{VERSION}-py3-none-any.whl"


def wheel() -> bytes:
    """`tinysum.plus(a, b)`."""
    about = f"{NAME}-{VERSION}.dist-info"
    files = {
        f"{NAME}.py": "def plus(a, b):\n    return a + b\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in {**files, f"{about}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return packed.getvalue()


@contextmanager
def package_index(seen: list[str]) -> Iterator[int]:
    """Its port. `seen` gets the paths that are asked for."""
    data = wheel()
    link = f"../../files/{WHEEL}#sha256={hashlib.sha256(data).hexdigest()}"
    pages = {
        f"/simple/{NAME}/": ("text/html", f'<!DOCTYPE html><a href="{link}">{WHEEL}</a>'.encode()),
        f"/files/{WHEEL}": ("application/octet-stream", data),
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append(self.path)
            kind, body = pages.get(self.path, ("", b""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(5)
