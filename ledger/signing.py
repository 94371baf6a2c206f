"""Signing a standing approval, settling what was done on it, and suspending those that a rejection speaks against."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contracts.decision import Ruling, Signature, SignedDecision
from contracts.errors import BadInput, Expired, NotStanding, WrongRun
from contracts.proposal import Proposal
from contracts.requirements import refusal
from contracts.standing import SignedStanding, StandingApproval
from ledger.decisions import Decisions
from ledger.effects import Effects
from ledger.measuring import Measuring
from ledger.rule import CLOCK_SKEW
from ledger.schema import standings
from ledger.standing_rule import standing_bytes
from ledger.standings import signed_entry
from ledger.switch import EFFECTS_LOCK

TO_SIGN = timedelta(minutes=15)  # between what was prepared and its signature


class Signing(Effects, Decisions, Measuring):
    """The parts of a standing approval's life that take a signature or a ruling."""

    def sign_standing(self, standing: StandingApproval, signature: Signature) -> SignedStanding:
        """Keep a standing approval that a person signed. The same again is nothing.

        Only what measured decisions speak for, and nothing wider; by somebody who has a say on all of it.
        Raises Refused for another installation's, one that was prepared too long ago, and a signature that is not by a
        key of that person which may sign today.
        """
        sound = StandingApproval.model_validate(standing.model_dump())
        now = self.clock()
        if sound.realm != self.realm:
            raise WrongRun("The standing approval was signed for another installation.", subject=sound.realm)
        if not -CLOCK_SKEW <= now - sound.valid_from <= TO_SIGN:
            raise Expired("It was prepared too long ago.", subject=sound.id, way_out="Reload the page and sign again.")
        self._require_say_on(sound)
        self.require_key(signature, sound.person, sound.signing_bytes(), subject=sound.digest)
        self.require_best_key(signature, sound.person)
        self.require_confirmed(sound.person)
        kept = SignedStanding(standing=sound, key=signature.key, scheme=signature.scheme, value=signature.value)
        row = {
            "digest": sound.digest,
            "workflow": sound.workflow,
            "person": sound.person,
            "body": kept.model_dump(mode="json"),
            "signed_at": now,
            "valid_until": sound.valid_until,
            "ended": "",
        }
        facts = {"approval": sound.model_dump(mode="json"), "key": signature.key, "signature": signature.value}
        with self.store.write() as connection:
            connection.execute(self.store.insert_once(standings), [row])
            self.note(connection, signed_entry(sound, now, **facts, scheme=signature.scheme))
        return self.standing_approval(sound.digest)

    def _require_say_on(self, standing: StandingApproval) -> None:
        suggested = self.suggested_standing(standing)
        if suggested is None:
            raise NotStanding(
                "No measured decisions speak for it, or for less than it.",
                subject=standing.id,
                way_out="`countersign standing list` says for what they do.",
            )
        person = self.trusted_person(standing.person)
        for each in suggested.needs:
            own = each.model_copy(update={"barred": ()})
            if why := refusal((own,), person, ()):
                raise why

    def settle_standing(self, decision: SignedDecision, *, run: str, digest: str) -> Ruling:
        """The ruling on a decision by a standing approval whose effects are done: it was verified when it was used."""
        proposal = self.proposal(digest)
        states = [self.effect(effect.key) for effect in proposal.effects]
        standing = decision.standing
        try:
            if standing is None or proposal.run != run or decision.statement.digest != proposal.digest:
                raise NotStanding("It is no decision by a standing approval on this proposal.", subject=digest)
            standing_bytes(decision, standing, proposal)
            done = all(each is not None and each.state == "done" for each in states)
            if not done or not self.used_standing(standing, proposal.digest):
                raise NotStanding("Nothing was carried out on it.", subject=digest)
        except (NotStanding, BadInput) as why:
            return Ruling.of(decision, accepted=False, why=str(why), error=why.name)
        return Ruling.of(decision, accepted=True)

    def suspend_standings(self, connection: Connection, decision: SignedDecision, proposal: Proposal) -> None:
        """A person has turned down, or taken back, what a standing approval would let through: it ends."""
        statement = decision.statement
        kinds = {effect.kind for effect in proposal.effects}
        open_ones = sa.and_(standings.c.workflow == proposal.workflow, standings.c.ended == "")
        rows = connection.execute(sa.select(standings.c.body).where(open_ones)).scalars().all()
        for body in rows:
            standing = SignedStanding.model_validate(body).standing
            if kinds.isdisjoint(standing.bounds.kinds):
                continue
            done = "rejected" if statement.verdict == "reject" else "withdrew the approval of"
            says = f"suspended, because {statement.person} {done} proposal {proposal.id}"
            self._end_standing(connection, standing, statement.person, says)

    def _recorded(self, connection: Connection, decision: SignedDecision, ruling: Ruling) -> None:
        if ruling.accepted and decision.statement.verdict in ("reject", "withdraw"):
            self.store.lock(connection, EFFECTS_LOCK)
            self.suspend_standings(connection, decision, self.proposal(decision.statement.digest))
