"""Who somebody is by what their organisation's provider says of them, and the roles that follow.

The map is a TOML file that is kept under version control, outside the database: a role that somebody writes into the
database lasts until that person's next sign-in at most.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator

from contracts.base import Contract
from contracts.errors import BadInput, NoRole, SignInRefused
from contracts.requirements import AGENT
from contracts.roles import APPROVER, REVIEWER, VIEWER

EVERYWHERE = "*"  # the team whose roles hold without a team's name
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
ROLE = re.compile(r"[a-z][a-z0-9_-]{0,39}")
IMPLIED = {APPROVER: (REVIEWER, APPROVER)}


class Identity(Contract):
    """Somebody as the provider knows them. `subject` never changes and is never given to another; names may be.

    `pinned`: the map names the person by the subject, so that the name needs no trust in the provider's.
    """

    issuer: str
    subject: str
    name: str
    display_name: str
    email: str = ""
    roles: tuple[str, ...]
    pinned: bool = False


class RoleMap(Contract):
    """Which of the provider's groups have which roles, by team. Whom no group gives a role doesn't get in.

    `teams`: team, role, groups. `people`: subject of the provider to the name here, for people who were here before.
    """

    model_config = ConfigDict(extra="forbid")  # a misspelt table would give nobody a role, or the wrong people a name

    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    scopes: str = "openid profile email"
    teams: dict[str, dict[str, tuple[str, ...]]]
    people: dict[str, str] = Field(default_factory=dict)

    @field_validator("teams")
    @classmethod
    def has_names(cls, teams: dict[str, dict[str, tuple[str, ...]]]) -> dict[str, dict[str, tuple[str, ...]]]:
        wrong = [team for team in teams if team != EVERYWHERE and not ROLE.fullmatch(team)]
        wrong += [role for team in teams.values() for role in team if not ROLE.fullmatch(role)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no name of a team or role: small letters, digits, - and _")
        if any(AGENT in team for team in teams.values()):
            raise ValueError(f"{AGENT!r} is no role that a person signs in with")
        if not any(groups for team in teams.values() for groups in team.values()):
            raise ValueError("no group has a role, so nobody could sign in")
        return teams

    @field_validator("people")
    @classmethod
    def are_names(cls, people: dict[str, str]) -> dict[str, str]:
        wrong = [name for name in people.values() if not NAME.fullmatch(name)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no name of a person")
        if len(set(people.values())) < len(people):
            raise ValueError("one person has two subjects")
        return people

    @classmethod
    def read(cls, text: str, source: str) -> Self:
        """From TOML. BadInput names `source` and what is wrong."""
        try:
            return cls.model_validate(tomllib.loads(text))
        except (tomllib.TOMLDecodeError, ValidationError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else None
            where = f" in {'.'.join(map(str, first['loc']))}" if first and first["loc"] else ""
            what = first["msg"].removeprefix("Value error, ") if first else str(error)
            raise BadInput(
                f"The file of roles {source!r} can't be used{where}: {what}.",
                subject=source,
                way_out="docs/identity.md shows one that can.",
            ) from error

    def roles(self, groups: frozenset[str]) -> tuple[str, ...]:
        """The roles of somebody in these groups; empty for nobody."""
        found = set[str]()
        for team, given in self.teams.items():
            prefix = "" if team == EVERYWHERE else f"{team}:"
            for role, of in given.items():
                if not groups.isdisjoint(of):
                    found |= {prefix + each for each in (VIEWER, *IMPLIED.get(role, (role,)))}
        return tuple(sorted(found))

    def identity(self, issuer: str, claims: Mapping[str, Any]) -> Identity:
        """Who that is here. NoRole, or SignInRefused for no name or an address that nobody has verified."""
        subject = str(claims["sub"])
        name = self.people.get(subject) or self._name(claims)
        roles = self.roles(_groups(claims.get(self.groups_claim)))
        if not roles:
            raise NoRole(
                f"{name!r} is known to the provider, and none of their groups has a role here.",
                subject=name,
                way_out="Ask an administrator: the file of roles says which groups have one.",
            )
        email = _text(claims.get("email")) if claims.get("email_verified") is True else ""
        shown = _text(claims.get("name")) or name
        return Identity(
            issuer=issuer,
            subject=subject,
            name=name,
            display_name=shown[:100],
            email=email[:200],
            roles=roles,
            pinned=subject in self.people,
        )

    def _name(self, claims: Mapping[str, Any]) -> str:
        name = _text(claims.get(self.name_claim))
        if self.name_claim == "email" and claims.get("email_verified") is not True:
            raise SignInRefused("The provider has not verified this address.", subject=name)
        if not NAME.fullmatch(name):
            raise SignInRefused(
                f"The provider's claim {self.name_claim!r} holds no name that can be used here: {name[:100]!r}.",
                way_out="Ask an administrator: the file of roles says which claim names people.",
            )
        return name


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _groups(value: Any) -> frozenset[str]:
    """Some providers send one group as a string."""
    given = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return frozenset(each for each in given if isinstance(each, str))
