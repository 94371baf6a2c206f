"""One file of a release from the package index that this machine is set to, checked by its digest and never built.

pip and uv offer no way to have an sdist without running its build, so the index is asked by its simple API, under
the settings that those two read: an index of one's own, its certificates, proxies.
"""

import configparser
import hashlib
import os
import re
import ssl
import tomllib
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx

from contracts.errors import IndexUnreachable

PUBLIC = "https://pypi.org/simple"
SIMPLE = {"Accept": "application/vnd.pypi.simple.v1+json, text/html;q=0.2"}
SECONDS = 20.0
LARGEST = 8 << 20  # bytes, of the small packages that this is for
WAY_OUT = (
    "Set PIP_INDEX_URL to an index that is reachable, or show a repository of your own: "
    "make demo-fix REPO=path TICKET=file."
)


def released(project: str, name: str, sha256: str, kept: Path) -> bytes:
    """The bytes of a released file, from `kept` where they lie there already. Raises IndexUnreachable."""
    place = kept / f"{sha256[:16]}-{name}"
    if place.is_file() and hashlib.sha256(data := place.read_bytes()).hexdigest() == sha256:
        return data
    index = index_url(os.environ)
    shown = urlsplit(index).hostname or index
    try:
        data = _fetched(index, project, name)
    except (httpx.HTTPError, ValueError, OSError) as error:
        raise IndexUnreachable(
            f"{name} can't be had from the package index {shown}: {str(error) or type(error).__name__}.",
            subject=name,
            way_out=WAY_OUT,
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise IndexUnreachable(f"{shown} gave another {name} than was released.", subject=name, way_out=WAY_OUT)
    kept.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return data


def index_url(environ: Mapping[str, str], home: Path | None = None) -> str:
    """The index by uv's and pip's own variables, then by their files, then the public one."""
    given = [environ.get(name, "") for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")]
    found = next(filter(None, [*given, *_in_files(environ, home or Path.home())]), PUBLIC)
    return found.partition("=")[2] if re.match(r"[\w-]+=https?:", found) else found  # uv allows NAME=URL


def _in_files(environ: Mapping[str, str], home: Path) -> Iterator[str]:
    settings = Path(environ.get("XDG_CONFIG_HOME", "") or home / ".config")
    for path in (settings / "uv/uv.toml", Path("/etc/uv/uv.toml")):
        yield _uv(path)
    own = [Path(name)] if (name := environ.get("PIP_CONFIG_FILE", "")) else []
    for path in (*own, settings / "pip/pip.conf", home / ".pip/pip.conf", Path("/etc/pip.conf")):
        yield _pip(path)


def _uv(path: Path) -> str:
    try:
        read = tomllib.loads(path.read_text())
    except (OSError, ValueError):
        return ""
    named = [each.get("url", "") for each in read.get("index", []) if each.get("default")]
    return str(next(iter(named), "") or read.get("index-url", ""))


def _pip(path: Path) -> str:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text())
    except (OSError, ValueError, configparser.Error):
        return ""
    sections = [name for name in ("install", "global") if parser.has_section(name)]
    return next((url for name in sections if (url := parser.get(name, "index-url", fallback=""))), "")


def _fetched(index: str, project: str, name: str) -> bytes:
    authorities = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE") or ""
    verify = ssl.create_default_context(cafile=authorities) if authorities else True
    with httpx.Client(follow_redirects=True, timeout=SECONDS, verify=verify) as client:
        page = client.get(f"{index.rstrip('/')}/{project}/", headers=SIMPLE).raise_for_status()
        link = next((url for text, url in _links(page) if text == name), "")
        if not link:
            raise ValueError(f"it has no {name}")
        url = httpx.URL(urldefrag(urljoin(str(page.url), link)).url)
        if url.host == page.url.host and page.url.userinfo:
            url = url.copy_with(userinfo=page.url.userinfo)
        return _body(client, url)


def _body(client: httpx.Client, url: httpx.URL) -> bytes:
    data = bytearray()
    with client.stream("GET", url) as answer:
        for part in answer.raise_for_status().iter_bytes():
            data += part
            if len(data) > LARGEST:
                raise ValueError("it is larger than any release that is asked for here")
    return bytes(data)


def _links(page: httpx.Response) -> list[tuple[str, str]]:
    """Name and URL of each file, from either form of the simple API."""
    if "json" in page.headers.get("content-type", ""):
        return [(str(each["filename"]), str(each["url"])) for each in page.json()["files"]]
    parser = _Links()
    parser.feed(page.text)
    return parser.found


class _Links(HTMLParser):
    """The links of a page, and the file names that are their last parts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") or ""
        if tag == "a" and href:
            self.found.append((urlsplit(href).path.rsplit("/", 1)[-1], href))
