"""From where machines may install a project's packages: nowhere, unless the operator's setting says so."""

import configparser
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from contracts.errors import BadInput
from contracts.install import Registry
from contracts.policy import Allow

SETTING = "COUNTERSIGN_PACKAGES"
USUAL = {"pip": "https://pypi.org/simple", "npm": "https://registry.npmjs.org/"}
# Hosts that a well-known index sends people to.
BESIDE = {"pypi.org": ("files.pythonhosted.org",)}
CONFIGURED = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")


def registries(setting: str, environ: Mapping[str, str] = os.environ) -> tuple[Registry, ...]:
    """`pip`, `npm`: as this worker's own tools have it, else the usual one. `pip=URL`: that one. Raises BadInput."""
    found = []
    for each in filter(None, (part.strip() for part in setting.split(","))):
        kind, _, url = each.partition("=")
        if kind not in USUAL:
            raise _wrong(each, f"{kind!r} is neither pip nor npm")
        found.append(_registry(kind, url or _own(kind, environ)))
    return tuple(found)


def _own(kind: str, environ: Mapping[str, str]) -> str:
    if kind == "npm":
        return environ.get("npm_config_registry") or environ.get("NPM_CONFIG_REGISTRY") or USUAL[kind]
    parser = configparser.ConfigParser(interpolation=None)
    parser.read([Path(path).expanduser() for path in CONFIGURED])
    return environ.get("PIP_INDEX_URL") or parser.get("global", "index-url", fallback="") or USUAL[kind]


def _registry(kind: str, url: str) -> Registry:
    """Machines ask for it plainly, by their broker, which adds TLS."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise _wrong(kind, "its URL is none")
    if parts.username or parts.password:
        raise _wrong(kind, "its URL holds a name or a password, which every machine could read")
    scheme = "https" if parts.scheme == "https" else "http"
    port = parts.port or (443 if scheme == "https" else 80)
    hosts = (parts.hostname, *BESIDE.get(parts.hostname, ()))
    at = parts.hostname if port == 443 and scheme == "https" else f"{parts.hostname}:{port}"
    try:
        allow = tuple(Allow.model_validate({"host": host, "port": port, "scheme": scheme}) for host in hosts)
    except ValueError as error:
        raise _wrong(kind, f"{parts.hostname!r} is no name of a host") from error
    return Registry.model_validate({"kind": kind, "index": f"http://{at}{parts.path}", "allow": allow})


def _wrong(what: str, why: str) -> BadInput:
    return BadInput(
        f"{SETTING} can't be used: of {what.partition('=')[0]!r}, {why}.",
        subject=SETTING,
        way_out="Write it as pip,npm or pip=https://index.example.com/simple,npm=https://registry.example.com/.",
    )
