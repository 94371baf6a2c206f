"""What a proposal asks for before it happens: a gate's rules as they were resolved when it was sealed.

They are part of the sealed body. Whoever changes a policy or a row afterwards changes nothing of what was asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from contracts.base import Contract
from contracts.errors import MissingRole, NoRule, NotIndependent, Refused
from contracts.gate import Apart, Gate, GateRule, Touches
from contracts.records import Person

AGENT = "agent"  # whoever has this role decides nothing, whatever else they are


class StartedBy(Contract):
    """Who started a run, as whoever started it told Temporal."""

    kind: Literal["person", "schedule", "webhook"]
    name: str

    @property
    def says(self) -> str:
        return self.name if self.kind == "person" else f"the {self.kind} {self.name}"


class Barred(Contract):
    """Somebody whose approval doesn't count here, whatever their role, and why: "started this run"."""

    person: str
    why: str


class Requirement(Contract):
    """One rule, resolved: `needs` approvals by people with one of `roles` or among `people`, and not of the `barred`.

    A role counts where somebody has it everywhere, or in `team`, as `payments:approver`: in no other team. `effects`
    are the keys of the effects that it is for.
    """

    rule: str = ""
    team: str = ""
    roles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    needs: int = 1
    barred: tuple[Barred, ...] = ()
    effects: tuple[str, ...] = ()
    critical: bool = False
    delegable: bool = True
    standing: bool = False

    @property
    def whom(self) -> str:
        """`release`, or `release, ana or ben`."""
        return listed([*filter(None, self.roles), *self.people], "or") or "nobody"


class Escalated(Contract):
    """One step of the chain: from `at` on it is with these, too; and they may decide where `may_decide` says so."""

    at: AwareDatetime
    roles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    may_decide: bool = False

    @property
    def whom(self) -> str:
        return listed([*self.roles, *self.people], "and")

    @property
    def says(self) -> str:
        return f"Nobody has decided: it is with {self.whom} now" + (", who may decide, too" if self.may_decide else "")


class Standing(Contract):
    """How far one requirement is: who has approved, of those whose approval counts for it.

    `may`: who could still, where somebody asked for that.
    """

    requirement: Requirement
    signed: tuple[str, ...] = ()
    may: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        return len(self.signed) >= self.requirement.needs

    @property
    def says(self) -> str:
        """`1 of 2 by release`."""
        asked = self.requirement
        return f"{min(len(self.signed), asked.needs)} of {asked.needs} by {asked.whom}"

    @property
    def lines(self) -> tuple[str, ...]:
        """What a person wants to know of it: who has approved, who still may, who may not and why."""
        asked = self.requirement
        missing = asked.needs - len(self.signed) - len(self.may)
        said = []
        if self.signed:
            said.append(f"Approved by {listed(self.signed, 'and')}.")
        if self.may and not self.met:
            said.append(f"May still approve: {', '.join(self.may)}.")
        if missing > 0:
            said.append(f"Too few people can: {missing} more by {asked.whom} would have to be enrolled.")
        return (*said, *(f"Not {each.person}, who {each.why}." for each in asked.barred))


class Progress(Contract):
    """How far a proposal is."""

    of: tuple[Standing, ...]

    @property
    def enough(self) -> bool:
        return all(each.met for each in self.of)

    @property
    def says(self) -> str:
        """`1 of 2 by release, 0 of 1 by security`."""
        return ", ".join(each.says for each in self.of)


def resolve(
    gate: Gate,
    effects: Sequence[tuple[str, str, Touches]],
    barred: Mapping[Apart, Sequence[Barred]],
    team: str = "",
) -> tuple[Requirement, ...]:
    """What the gate asks for these effects, each as (key, kind, what it touches): all rules that fit, each once.

    `barred`: who is meant by each of the rules' `separate_from`. `team`: whose workflow it is. Raises NoRule where none
    fits. Empty for a gate of one role: the proposal's `role` says it all, but for whether it may stand.
    """
    if gate.standing and not gate.rules:
        every = tuple(key for key, _, _ in effects)
        return (Requirement(team=team, roles=(gate.role,), effects=every, standing=True),)
    if not gate.rules:
        return ()
    wanted: dict[str, list[str]] = {}
    for key, kind, touched in effects or [("", "", Touches())]:
        for part in touched.parts:
            fitting = [rule.name for rule in gate.rules if rule.fits(kind, part)]
            if not fitting:
                raise no_rule(kind, part)
            for name in fitting:
                keys = wanted.setdefault(name, [])
                if key and key not in keys:
                    keys.append(key)
    return tuple(_resolved(rule, wanted[rule.name], barred, team) for rule in gate.rules if rule.name in wanted)


def no_rule(kind: str, part: Touches) -> NoRule:
    what = " ".join(filter(None, (f"an effect {kind!r}" if kind else "a proposal without effects", part.says)))
    return NoRule(
        f"No rule of the gate is for {what}.",
        subject=kind,
        way_out="Nothing is proposed that nobody may approve. Add a rule for it to the workflow's gate.",
    )


def refusal(requirements: Iterable[Requirement], person: Person, widened: Iterable[Escalated]) -> Refused | None:
    """Why this person's approval counts for none of them; None where it counts for one. Their own part in it weighs
    more than a role that they don't have."""
    steps, found = list(widened), list[Refused]()
    for each in requirements:
        why = _refusal(each, person, steps)
        if why is None:
            return None
        found.append(why)
    return next((why for why in found if isinstance(why, NotIndependent)), found[0])


def counts(requirement: Requirement, person: Person, widened: Iterable[Escalated]) -> bool:
    """Whether this person's approval counts for it."""
    return _refusal(requirement, person, list(widened)) is None


def eligible(requirement: Requirement, person: Person, widened: Iterable[Escalated]) -> bool:
    """Whether they have a say at all: by role or by name, their own part in it left aside. An agent has none."""
    roles = {*requirement.roles, *(role for step in widened for role in step.roles)} - {"", AGENT}
    if requirement.team:
        roles |= {f"{requirement.team}:{role}" for role in roles}
    names = {*requirement.people, *(name for step in widened for name in step.people)}
    return not is_agent(person.roles) and (person.name in names or not roles.isdisjoint(person.roles))


def is_agent(roles: Iterable[str]) -> bool:
    """Whether one of these roles is an agent's, in a team or everywhere."""
    return any(bare(role) == AGENT for role in roles)


def bare(role: str) -> str:
    """The role without its team."""
    return role.rpartition(":")[2]


def deciding(steps: Iterable[Escalated], at: datetime) -> tuple[Escalated, ...]:
    """The steps of the chain whose people may decide at that time."""
    return tuple(step for step in steps if step.may_decide and step.at <= at)


def listed(names: Sequence[str], word: str) -> str:
    """`ana`, `ana or ben`, `ana, ben or cyn`."""
    return f"{', '.join(names[:-1])} {word} {names[-1]}" if len(names) > 1 else "".join(names)


def _resolved(rule: GateRule, effects: list[str], barred: Mapping[Apart, Sequence[Barred]], team: str) -> Requirement:
    apart = [each for group in rule.separate_from for each in barred[group]]
    return Requirement(
        rule=rule.name,
        team=team,
        roles=rule.roles,
        people=rule.people,
        needs=rule.needs,
        barred=tuple(apart),
        effects=tuple(effects),
        critical=rule.critical,
        delegable=rule.delegable,
        standing=rule.standing,
    )


def _refusal(requirement: Requirement, person: Person, widened: list[Escalated]) -> Refused | None:
    if is_agent(person.roles):
        return NotIndependent(f"{person.name!r} is an agent, and agents decide nothing.", subject=person.name)
    if not eligible(requirement, person, widened):
        return _no_say(requirement, person)
    why = [each.why for each in requirement.barred if each.person == person.name]
    if why:
        return NotIndependent(
            f"{person.name!r} {listed(why, 'and')}: somebody else has to approve it"
            + (f" by the rule {requirement.rule!r}." if requirement.rule else "."),
            subject=person.name,
            way_out=f"Ask somebody else who is {requirement.whom}.",
        )
    return None


def _no_say(requirement: Requirement, person: Person) -> MissingRole:
    roles = [role for role in requirement.roles if role]
    elsewhere = sorted(set(roles).intersection(map(bare, person.roles)))
    if requirement.team and elsewhere:
        return MissingRole(
            f"{person.name!r} is {elsewhere[0]!r} of another team than {requirement.team!r}, whose proposal this is.",
            subject=person.name,
            way_out=f"Ask somebody who is {elsewhere[0]!r} of {requirement.team!r}.",
        )
    if roles and not requirement.people:
        asked = listed([repr(role) for role in roles], "or")
        return MissingRole(
            f"{person.name!r} does not have the role {asked} that the proposal asks for.",
            subject=person.name,
            way_out=f"Ask somebody who is {asked} to decide.",
        )
    return MissingRole(
        f"{person.name!r} is not one of those who may decide: {requirement.whom}.",
        subject=person.name,
        way_out=f"Ask {requirement.whom}.",
    )
