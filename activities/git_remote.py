"""How git reaches a URL from a sandbox: through the broker, one host, and with a credential only one repository.

`https://` and `http://` go through the broker (docs/egress.md), which adds TLS and the credential, so git inside
has neither. `ssh://` and `git://` are no HTTP: they have the open network.
"""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult

from contracts.errors import AccessRefused, BadInput, CountersignError, SandboxFailed
from contracts.policy import Allow, SandboxPolicy
from contracts.urls import split
from sandboxes.egress import Credential
from sandboxes.egress.words import heard

Credentials = Mapping[tuple[str, int], Credential]
FETCH, PUSH = "git-upload-pack", "git-receive-pack"
PORTS = {"https": 443, "http": 80}


def reaching(url: str, policy: SandboxPolicy, credentials: Credentials, *, push: bool = False) -> SandboxPolicy:
    """The policy with the network that the URL needs, and no more. Raises BadInput for a host by address."""
    parts = split(url)
    if parts is None or parts.scheme.lower() not in PORTS:
        return policy.model_copy(update={"network": "open", "allow": ()})
    entry = _entry(url, parts, credentials, push=push)
    return policy.model_copy(update={"network": "allow", "allow": (entry,)})


def _entry(url: str, parts: SplitResult, credentials: Credentials, *, push: bool) -> Allow:
    scheme, port = parts.scheme.lower(), parts.port or PORTS[parts.scheme.lower()]
    host = parts.netloc.rpartition("@")[2].removesuffix(f":{parts.port}")
    credential = credentials.get((host, port)) if scheme == "https" else None
    named = {"credential": credential.name, "user": credential.user} if credential else {}
    try:
        return Allow.model_validate(
            {
                "host": host,
                "port": port,
                "scheme": scheme,
                "methods": ("GET", "POST"),
                "paths": tuple(_paths(parts.path, push=push)) if credential else ("/",),
                **named,
            }
        )
    except ValueError as error:
        raise BadInput(
            f"{host!r} is not a host that git can be let to: a host is reached by its name.",
            subject=url,
            way_out="Write the host's name in lower case letters, digits, hyphens and dots, and no address.",
        ) from error


def _paths(path: str, *, push: bool) -> list[str]:
    """What git's protocol asks of one repository, with and without `.git`: with a credential, nothing else of the
    host. To fetch is not to push."""
    plain = path.rstrip("/").removesuffix(".git")
    services = ("info/refs", FETCH, *((PUSH,) if push else ()))
    return [f"{plain}{ending}/{service}" for ending in ("", ".git") for service in services]


def refused(stderr: bytes, url: str, *, push: bool = False) -> CountersignError | None:
    """What the broker said to git, or that the host wants a credential: the setting that helps. None: neither.

    A host that doesn't answer is SandboxFailed, which is tried again.
    """
    lines = stderr.decode(errors="replace").splitlines()
    if told := heard(lines):
        away = any(re.search(r"returned error: 50[0-9]|response 50[0-9]", line) for line in lines)
        return (SandboxFailed if away else AccessRefused)(f"{url!r} can't be reached: {told}", subject=url)
    parts = split(url)
    asks = ("could not read Username", "Authentication failed", "HTTP 401", "terminal prompts disabled")
    if parts is None or parts.scheme.lower() != "https" or not any(each in line for each in asks for line in lines):
        return None
    return AccessRefused(
        f"{url!r} asks for a credential, or does not take the one that it was given.",
        subject=url,
        way_out=f"Set COUNTERSIGN_GIT_{'WRITE' if push else 'READ'}_CREDENTIALS={parts.netloc}=NAME where the worker "
        "is started, and the variable NAME to a token of that host.",
    )
