"""What a sandbox with a list is told by its environment, so that git, pip, npm and others find the broker.

A host of the list is asked for as `http://host/…` through the proxy, and the broker adds TLS. So git is told to
write `https://host/` that way, and pip and npm where their index is. A tunnel is asked for as ever.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from contracts.policy import SandboxPolicy
from sandboxes.egress.headers import plain_places
from sandboxes.egress.listen import PORT

BROKER = f"http://127.0.0.1:{PORT}"
LOCAL = "localhost,127.0.0.1,::1"
# For tunnels, where the program inside checks the host's certificate by itself.
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def environment(policy: SandboxPolicy, git: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """Empty without a list. What the policy sets itself wins. `git`: settings of git's that are given beside ours."""
    if policy.network != "allow":
        return {}
    proxies = {name: BROKER for each in ("http_proxy", "https_proxy") for name in (each, each.upper())}
    found = proxies | {"no_proxy": LOCAL, "NO_PROXY": LOCAL}
    plain = plain_places(policy.allow)
    return found | _git(plain, git) | _pip(plain) | _npm(plain) | (_certificates() if has_tunnel(policy) else {})


def has_tunnel(policy: SandboxPolicy) -> bool:
    """Whether something inside has to know the certificates of public authorities."""
    return any(entry.tunnel for entry in policy.allow)


def _git(plain: list[str], more: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Settings that come before all files, and hold where the files aren't read."""
    settings = list(more)
    settings += [(f"url.http://{place}/.insteadOf", f"https://{place}/") for place in plain]
    settings += [(f"url.http://{each}/.insteadOf", f"https://{each}:443/") for each in plain if ":" not in each]
    settings += [("protocol.http.allow", "always")] if plain else []
    return {"GIT_CONFIG_COUNT": str(len(settings)), **dict(_numbered(settings))}


def _numbered(settings: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for number, (key, value) in enumerate(settings):
        yield f"GIT_CONFIG_KEY_{number}", key
        yield f"GIT_CONFIG_VALUE_{number}", value


def _pip(plain: list[str]) -> dict[str, str]:
    found = {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if plain:
        found |= {"PIP_TRUSTED_HOST": " ".join(plain), "UV_INSECURE_HOST": " ".join(plain)}
    if "pypi.org" in plain:
        found |= {"PIP_INDEX_URL": "http://pypi.org/simple", "UV_DEFAULT_INDEX": "http://pypi.org/simple"}
    return found


def _npm(plain: list[str]) -> dict[str, str]:
    """Without what asks for more than packages."""
    found = {f"npm_config_{each}": "false" for each in ("audit", "fund", "update_notifier")}
    if "registry.npmjs.org" in plain:
        found["npm_config_registry"] = "http://registry.npmjs.org/"
    return found


def _certificates() -> dict[str, str]:
    bundle = next((each for each in BUNDLES if Path(each).exists()), "")
    names = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO")
    return dict.fromkeys(names, bundle) if bundle else {}
