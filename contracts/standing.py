"""A standing approval: a person's yes, given ahead, to what stays within bounds that were seen before.

It is signed like a decision, ends by itself, is counted, and anybody who decides may end it at once. Where it doesn't
cover a proposal for whatever reason, the proposal waits for a person. docs/gates.md.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime, Field, model_validator

from contracts.base import Contract
from contracts.digests import canonical_json, sealed_json, short, tagged_digest
from contracts.gate import Audience, is_in
from contracts.proposal import Proposal
from contracts.requirements import Requirement, listed

STANDING_TAG: Literal["countersign/standing/v1"] = "countersign/standing/v1"
LONGEST = timedelta(days=30)
MOST_USES = 100


class Measured(Contract):
    """One effect, as its kind measures it from the signed parameters and from the diffs that it checks when it acts.

    `details` are facts that have to be among those seen: "on countersign/changelog-*", "into main", "removes a file".
    `lines`: changed ones; None: it can't be told in lines.
    """

    kind: str
    destination: str
    paths: tuple[str, ...] = ()
    lines: int | None = Field(default=None, ge=0)
    usd: Decimal | None = Field(default=None, ge=0)
    audience: Audience | None = None
    details: tuple[str, ...] = ()


class Bounds(Contract):
    """How far a standing approval goes. The numbers are for one proposal in all. What it doesn't name is outside.

    `paths` are patterns as in a gate's rules. Without `most_lines` or `most_usd`, nothing that has any is inside.
    """

    kinds: tuple[str, ...] = Field(min_length=1)
    destinations: tuple[str, ...] = Field(min_length=1)
    paths: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    audience: tuple[Audience, ...] = ()
    most_effects: int = Field(ge=1)
    most_files: int = Field(ge=0)
    most_lines: int | None = Field(default=None, ge=0)
    most_usd: Decimal | None = Field(default=None, ge=0)

    def outside(self, effects: Sequence[Measured]) -> str:
        """Why these effects of one proposal are not inside, in words. Empty: they are."""
        strange = next(filter(None, map(self._strange, effects)), "")
        return strange or self._too_much(effects)

    def _strange(self, one: Measured) -> str:
        if one.kind not in self.kinds:
            return f"{one.kind!r} is none of {', '.join(self.kinds)}"
        if one.destination not in self.destinations:
            return f"{one.destination!r} is none of {', '.join(self.destinations)}"
        if path := next((path for path in one.paths if not is_in(path, self.paths)), None):
            return f"{path!r} is outside {', '.join(self.paths) or 'it: no paths'}"
        if detail := next((detail for detail in one.details if detail not in self.details), None):
            return f"it is {detail!r}, which was not seen before"
        if one.audience is not None and one.audience not in self.audience:
            return f"the {one.audience} gets to see it"
        return ""

    def _too_much(self, effects: Sequence[Measured]) -> str:
        if not effects or len(effects) > self.most_effects:
            return f"it has {len(effects)} effects, and {self.most_effects} at most are inside"
        files = sum(len(one.paths) for one in effects)
        if files > self.most_files:
            return f"it changes {files} files, and {self.most_files} at most are inside"
        lines = [one.lines for one in effects if one.lines is not None]
        if lines and (self.most_lines is None or sum(lines) > self.most_lines):
            return f"it changes {sum(lines)} lines, and {self.most_lines or 0} at most are inside"
        usd = [one.usd for one in effects if one.usd is not None]
        if usd and (self.most_usd is None or sum(usd) > self.most_usd):
            return f"it moves ${sum(usd)}, and ${self.most_usd or 0} at most is inside"
        return ""

    @property
    def lines(self) -> tuple[str, ...]:
        """What a person reads of it."""
        said = [f"{listed(self.kinds, 'or')} at {listed(self.destinations, 'or')}"]
        if self.paths:
            said.append(f"only {listed(self.paths, 'or')}")
        most = [_counted(self.most_effects, "effect"), _counted(self.most_files, "file")]
        if self.most_lines is not None:
            most.append(_counted(self.most_lines, "changed line"))
        if self.most_usd is not None:
            most.append(f"${self.most_usd}")
        said.append(f"at most {listed(most, 'and')} at a time")
        if self.audience:
            said.append(f"for the {listed(self.audience, 'or')}")
        return (*said, *self.details)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


class StandingApproval(Contract):
    """What a person signs, once. `drafted_by`: who may have drafted what it covers. `most_a_day`: in any 24 hours."""

    type: Literal["countersign/standing/v1"] = STANDING_TAG
    realm: str
    workflow: str = Field(min_length=1)
    version: str = Field(min_length=1)
    team: str = ""
    drafted_by: tuple[str, ...] = Field(min_length=1)
    bounds: Bounds
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    most_uses: int = Field(ge=1, le=MOST_USES)
    most_a_day: int = Field(ge=1, le=MOST_USES)
    person: str
    nonce: str = Field(min_length=16, max_length=64)

    @model_validator(mode="after")
    def ends(self) -> "StandingApproval":
        if not timedelta() < self.valid_until - self.valid_from <= LONGEST:
            raise ValueError(f"a standing approval ends, at most {LONGEST.days} days after it begins")
        if self.most_a_day > self.most_uses:
            raise ValueError("it can't be used more often in a day than in all")
        return self

    def signing_bytes(self) -> bytes:
        """The bytes under the signature: canonical JSON."""
        return canonical_json(sealed_json(self))

    @property
    def digest(self) -> str:
        return tagged_digest(STANDING_TAG, self.signing_bytes())

    @property
    def id(self) -> str:
        """What a person types: `countersign standing revoke 3f9a1c02b7de`."""
        return short(self.digest)

    def not_now(self, now: datetime) -> str:
        """Why it is not in force at that time; empty where it is."""
        if now < self.valid_from:
            return f"it begins at {self.valid_from:%Y-%m-%d %H:%M} UTC"
        return f"it ended at {self.valid_until:%Y-%m-%d %H:%M} UTC" if now >= self.valid_until else ""

    def not_for(self, proposal: Proposal) -> str:
        """Why it is not for this proposal, its effects left aside; empty where it is.

        A proposal that a person has had a hand in is theirs to sign, and one that is older than it, too.
        """
        mine = (self.realm, self.workflow, self.team)
        if mine != (proposal.realm, proposal.workflow, proposal.team):
            return f"it is for {self.workflow}" + (f" of {self.team}" if self.team else "")
        if self.version != proposal.version:
            return f"it is for version {self.version} of {self.workflow}, and this is {proposal.version}"
        if proposal.drafted_by not in self.drafted_by:
            return f"it is for what {listed(self.drafted_by, 'or')} drafted, and this was by {proposal.drafted_by}"
        if proposal.revision != 1 or proposal.edited_by:
            return "a person has changed this proposal, or asked for changes"
        if why := self.not_now(proposal.created_at):
            return f"{why}, and the proposal is of {proposal.created_at:%Y-%m-%d %H:%M} UTC"
        return may_stand(proposal.requirements)

    @property
    def says(self) -> str:
        """One line for lists."""
        return f"{self.workflow}: {'; '.join(self.bounds.lines[:2])}"


class SignedStanding(Contract):
    """A standing approval as it is kept, with how it stands: `uses` were counted, `ended` tells by whom and why."""

    standing: StandingApproval
    key: str
    value: str
    scheme: str
    uses: int = 0
    ended: str = ""
    ended_at: AwareDatetime | None = None

    def state(self, now: datetime) -> str:
        """One word or two: in force, revoked, expired, used up."""
        if self.ended:
            return "ended"
        if self.standing.not_now(now):
            return "expired" if now >= self.standing.valid_until else "not begun"
        return "used up" if self.uses >= self.standing.most_uses else "in force"


class StandingUse(Contract):
    """One use: the proposal `digest` of `run` was carried out on the standing approval `standing`."""

    standing: str
    number: int
    run: str
    digest: str
    person: str
    used_at: AwareDatetime
    seen_at: AwareDatetime | None = None


def may_stand(requirements: Sequence[Requirement]) -> str:
    """Why what a proposal asks for can't be met by a standing approval; empty where it can."""
    for each in requirements:
        rule = f"the rule {each.rule!r}" if each.rule else "its gate"
        if each.critical or each.needs > 1:
            return f"{rule} is critical or needs several people"
        if not each.standing:
            return f"{rule} allows no standing approval"
    return "" if requirements else "nothing says who has to approve it"
