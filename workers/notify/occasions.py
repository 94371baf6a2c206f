"""From what happened to who is told of it.

Most of it is read off the sealed log: an entry is written in the transaction of what it tells of, so nothing that
happened is missed, and nobody is told of what did not. Time itself writes no entry: what expires or is stuck is looked
for.
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta

from pydantic import ValidationError

from console.findings import without_sign_of_life
from contracts.delegation import Delegation
from contracts.errors import CountersignError
from contracts.notify import SAYS, TITLE, Channel, Defaults, Notice, Reason, line
from contracts.proposal import Proposal
from contracts.records import ProposalRecord, StoredEntry
from contracts.requirements import Requirement, counts, deciding, eligible
from contracts.roles import parts
from ledger import Ledger
from ledger.identities import UNSEEN

log = logging.getLogger(__name__)
KINDS: tuple[str, ...] = ("proposal", "run", "effect")
CHUNK = 500
EXPIRES_WITHIN = timedelta(days=1)
PROPOSALS: frozenset[Reason] = frozenset({"waiting", "handed", "reminder", "escalation", "expiring"})


class Occasions:
    """What there is to tell, to whom, by the channels that they want and the operator has."""

    def __init__(self, ledger: Ledger, defaults: Defaults, channels: Collection[Channel]) -> None:
        self.ledger, self.defaults, self.channels = ledger, defaults, channels

    def follow(self) -> None:
        """Look through what was sealed since the last time. At the first time: what waits now."""
        place, size = self.ledger.notices_place(), self.ledger.sealed_size()
        if place is None:
            waiting = [each for record in self.ledger.proposals() for each in self._proposal(record, "waiting")]
            self.ledger.add_notices(waiting, (None, size))
            return
        while place < size:
            end = min(place + CHUNK, size)
            found = self.ledger.sealed_entries(("proposal", "run", "effect", "person"), place, end)
            if not self.ledger.add_notices([each for entry in found for each in self.of(entry)], (place, end)):
                return  # another notifier was quicker
            place = end

    def look(self) -> None:
        """What no entry tells: that time passes."""
        now = self.ledger.clock()
        made = list(self._stuck())
        for record in self.ledger.proposals():
            if record.expires_at - now < min(EXPIRES_WITHIN, (record.expires_at - record.created_at) / 4):
                made += self._proposal(record, "expiring")
        self.ledger.add_notices(made)
        self.ledger.set_notifier_looked()

    def of(self, entry: StoredEntry) -> list[Notice]:
        """What people are told of an entry."""
        if entry.name == "proposal.stored":
            record = self._record(str(entry.facts.get("digest", "")))
            return self._proposal(record, "waiting") if record else []
        if entry.kind == "effect" and entry.facts.get("state") == "unknown":
            return self._doubt(entry)
        if entry.name == "delegation.made":
            return self._handed_on(entry)
        reasons: dict[str, Reason] = {"gate.reminder": "reminder", "gate.escalation": "escalation"}
        reason = reasons.get(entry.name)
        if reason is None or entry.kind != "run":
            return []
        return [each for open_one in self._open(entry.run) for each in self._proposal(open_one, reason)]

    def unwanted(self, notice: Notice) -> str:
        """Why it need not be told any more; empty where it is to be told."""
        if notice.reason in PROPOSALS:
            return self._decided(notice)
        if notice.reason == "doubt":
            effect = self.ledger.effect(notice.subject)
            return "" if effect and effect.state == "unknown" else "somebody has said whether it happened"
        if notice.reason == "stuck":
            return "" if notice.subject in without_sign_of_life(self.ledger) else "it goes on"
        return ""

    def _decided(self, notice: Notice) -> str:
        record = self._record(notice.revision.partition("/")[0])
        if record is None or record.state != "open":
            return f"the proposal is {record.state if record else 'gone'}"
        try:
            proposal = self.ledger.proposal(record.digest)
        except CountersignError as error:
            return str(error)
        told = self._told(proposal, notice.reason)
        return "" if notice.person in told else "it does not wait for them any more"

    def _handed_on(self, entry: StoredEntry) -> list[Notice]:
        """Who has it now is told of it; of all that waits, where all of somebody's was handed on."""
        try:
            statement = Delegation.model_validate(entry.facts.get("delegation"))
        except ValidationError:
            return []
        waiting = self.ledger.proposals(run=statement.run)
        handed = [each for each in waiting if statement.to in self._handed_to(each)]
        return [notice for each in handed for notice in self._proposal(each, "handed", statement.to)]

    def _handed_to(self, record: ProposalRecord) -> list[str]:
        try:
            return [each.statement.to for each in self.ledger.handed(self.ledger.proposal(record.digest))]
        except CountersignError:
            return []

    def _told(self, proposal: Proposal, reason: Reason) -> list[str]:
        if reason == "handed":
            return [each.statement.to for each in self.ledger.handed(proposal)]
        return self._escalated(proposal) if reason == "escalation" else self._deciders(proposal)

    def _proposal(self, record: ProposalRecord, reason: Reason, only: str | None = None) -> list[Notice]:
        if record.state != "open":
            return []
        try:
            proposal = self.ledger.proposal(record.digest)
        except CountersignError as error:
            log.warning("Nobody is told of a proposal that can't be read: %s", error)
            return []
        people = self._told(proposal, reason) if only is None else [only]
        revision = proposal.digest
        if reason == "escalation":  # each step of the chain tells its own once more
            revision += f"/{sum(step.at <= self.ledger.clock() for step in proposal.escalations)}"
        critical = any(each.critical for each in proposal.requirements)
        about = {"subject": proposal.run, "run": proposal.run, "workflow": line(proposal.workflow, TITLE)}
        said = {"title": line(proposal.title, TITLE), "says": line(proposal.button(), SAYS)}
        flags = {"critical": critical, "urgent": critical or reason == "expiring", "until": proposal.expires_at}
        return list(self._to(people, reason, revision=revision, **about, **said, **flags))

    def _deciders(self, proposal: Proposal) -> list[str]:
        """Whose approval it still waits for: they have a say, nothing against them, and have not approved."""
        widened = deciding(proposal.escalations, self.ledger.clock())
        approved = {each.statement.person for each in self.ledger.approvals(proposal)}
        unmet = [each.requirement for each in self.ledger.progress(proposal).of if not each.met]
        return [
            person.name
            for person in self.ledger.people()
            if person.name not in approved and any(counts(each, person, widened) for each in unmet)
        ]

    def _escalated(self, proposal: Proposal) -> list[str]:
        """Those of the last step of the chain that has come."""
        come = [step for step in proposal.escalations if step.at <= self.ledger.clock()]
        if not come:
            return []
        last = Requirement(team=proposal.team, roles=come[-1].roles, people=come[-1].people)
        approved = {each.statement.person for each in self.ledger.approvals(proposal)}
        return [
            person.name for person in self.ledger.people() if person.name not in approved and eligible(last, person, ())
        ]

    def _doubt(self, entry: StoredEntry) -> list[Notice]:
        says = "Nobody but a person can tell. Look there, then say whether it happened."
        about = {"subject": str(entry.facts.get("key", "")), "run": entry.run, "title": line(entry.name, TITLE)}
        return list(self._to(self._administrators(), "doubt", revision=entry.key, says=says, urgent=True, **about))

    def _stuck(self) -> Iterator[Notice]:
        for run in without_sign_of_life(self.ledger):
            newest = self.ledger.entries(run=run, limit=1, newest_first=True)
            record = self.ledger.run(run)
            about = {"subject": run, "run": run, "workflow": line(record.workflow, TITLE)}
            said = {"title": line(record.subject or run, TITLE), "says": "No sign of life for a quarter of an hour"}
            revision = str(newest[0].id) if newest else ""
            yield from self._to(self._administrators(), "stuck", revision=revision, **about, **said)

    def _administrators(self) -> list[str]:
        return [person.name for person in self.ledger.people() if "administrator" in parts(person.roles)]

    def _to(self, people: Iterable[str], reason: Reason, **about: object) -> Iterator[Notice]:
        """Nobody is told whom the organisation has not confirmed for long: they may have left it."""
        now = self.ledger.clock()
        for person in people:
            if not self.ledger.is_confirmed(person, UNSEEN):
                continue
            wish = self.ledger.preference(person, self.defaults)
            for channel in wish.channels:
                if channel in self.channels and wish.address(channel):
                    yield Notice.model_validate(
                        {"person": person, "reason": reason, "channel": channel, "made_at": now, **about}
                    )

    def _open(self, run: str) -> list[ProposalRecord]:
        return self.ledger.proposals(state="open", run=run)

    def _record(self, digest: str) -> ProposalRecord | None:
        try:
            return self.ledger.proposal_record(digest)
        except CountersignError:
            return None
