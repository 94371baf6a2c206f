"""Installing the packages that a project's tests need: what they are, from where, and what came of it."""

from typing import Literal

from pydantic import Field

from contracts.base import Contract
from contracts.machine import Call, Changed
from contracts.policy import Allow


class Needs(Contract):
    """What the project's own files ask for. `kind` is empty where they ask for nothing."""

    kind: Literal["", "pip", "npm"] = ""
    requirements: tuple[str, ...] = Field(default=(), description="as pip takes them")
    lists: tuple[str, ...] = Field(default=(), description="requirements files of the repository")
    constraints: tuple[str, ...] = Field(default=(), description="versions that a lock file settles")
    locked: bool = Field(default=False, description="of npm: there is a package-lock.json")
    says: str = Field(default="", description="which files say so")


class Registry(Contract):
    """Where packages come from, as the operator has it. `allow`: the hosts of it, and nothing else is reached."""

    kind: Literal["pip", "npm"]
    index: str
    allow: tuple[Allow, ...]


class Install(Call):
    """Install what the project needs into its machine."""

    needs: Needs
    registry: Registry


class Package(Contract):
    """One package that was installed. `hash`: of the file that was fetched, where the tool tells it."""

    name: str
    version: str
    hash: str = ""


class Installed(Changed):
    """`ok`: the tests can use them. `python`: the interpreter that has them. `packages`: an artifact with Packages."""

    ok: bool
    python: str = ""
    packages: str = ""
    count: int = 0


class Packages(Contract):
    """What was installed, or why not. `source`: the files that asked for it."""

    packages: tuple[Package, ...] = ()
    source: str = ""
    says: str = ""
