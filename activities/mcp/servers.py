"""How each MCP server is reached: a TOML file of the operator's. Nothing that a workflow says can add one.

[tracker]
url = "https://tracker.example.com/mcp"
credential = "TRACKER_TOKEN"

[docs]
command = ["/opt/docs/bin/python", "-m", "docs_server"]
folders = ["/opt/docs"]
sandbox = { environment_names = ["DOCS_KEY"] }
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from contracts.base import Contract
from contracts.errors import BadInput
from contracts.policy import SERVER, SandboxPolicy

SETTING = "COUNTERSIGN_MCP_SERVERS"
HERE = ("127.0.0.1", "localhost", "::1")


class Server(Contract):
    """One server: a `command` that speaks over its own input and output, or a `url` that is asked by HTTP.

    A command runs in a sandbox of its own for each call, with no network and an empty environment unless `sandbox`
    says more; `folders` says which of this host's folders are there, read-only, and where. `credential` is the name of
    a variable, sent as `header`.
    """

    command: tuple[str, ...] = ()
    folders: dict[str, Path] = Field(default_factory=dict, description="by the place where they are inside")
    sandbox: SandboxPolicy = SandboxPolicy(memory_bytes=1 << 29, disk_bytes=1 << 28, cpus=1.0)
    url: str = ""
    credential: str = ""
    header: str = Field(default="Authorization", pattern=r"^[A-Za-z0-9-]+$")
    template: str = "Bearer {}"
    seconds: float = Field(default=60, gt=0, le=600, description="for one call, with the start of the server")

    @model_validator(mode="after")
    def one_way_to_reach_it(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("a server has either a command or a url")
        if self.credential and self.command:
            raise ValueError("a command gets its secrets by sandbox.environment_names")
        if self.url:
            parts = urlsplit(self.url)
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in HERE):
                raise ValueError("the url begins with https:// (http:// on this host only)")
            if parts.username or parts.password:
                raise ValueError("the url holds no user or password: name a credential")
        if self.template.count("{}") != 1:
            raise ValueError("the template needs one {} for the secret")
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """The variables that its worker has to be given."""
        return (*self.sandbox.environment_names, *([self.credential] if self.credential else []))


Servers = Mapping[str, Server]


def servers(path: Path) -> Servers:
    """The servers of a file; none without one. Raises BadInput, naming what is wrong and never a value."""
    if not path.name:  # unset, or set to nothing
        return {}
    try:
        given = tomllib.loads(path.read_text("utf-8"))
        names = TypeAdapter(dict[str, Server]).validate_python(given)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(path, str(error)) from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise _wrong(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if bad := [name for name in names if not re.fullmatch(SERVER, name)]:
        raise _wrong(path, f"{bad[0]!r} is no server's name (small letters, digits and hyphens, at most 24)")
    return names


def _wrong(path: Path, why: str) -> BadInput:
    return BadInput(
        f"The MCP servers in {str(path)!r} can't be used: {why}.",
        subject=SETTING,
        way_out=f"Correct the file, or unset {SETTING}; docs/agents.md shows one.",
    )
