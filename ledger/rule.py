"""The one server-side rule: may this decision stand?

Console, command line, gate and effect all ask here. Whatever is not expressly fine is refused, each refusal
with its own sentence. The rule reads the proposal's sealed body, never the row that lists it, so that a
changed row moves no expiry, no role and no number of approvals.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from contracts.decision import CLOSES, Ruling, Signature, SignedDecision, Statement, Verdict
from contracts.errors import (
    AlreadyUsed,
    BadInput,
    BadSignature,
    Expired,
    MissingRole,
    NotEnough,
    NotFound,
    NotInBatch,
    NotSigned,
    Refused,
    UnknownKey,
    WrongDigest,
    WrongRun,
)
from contracts.proposal import Proposal
from contracts.records import Person
from contracts.requirements import Escalated, Progress, Standing, counts, deciding, eligible, refusal
from contracts.signatures import verify
from ledger.batches import batch_bytes, require_batchable, require_whole
from ledger.proposals import Proposals
from ledger.refusals import closed, require_coherent, require_covered, require_digest, require_then_in_time
from ledger.register import Register
from ledger.schema import decisions
from ledger.standing_rule import Measure, require_inside, standing_bytes
from ledger.standings import Standings

CLOCK_SKEW = timedelta(minutes=5)  # between a signer's clock and ours
GOOD_FOR = timedelta(minutes=10)  # a wish that was signed, and is handed in


class Rule(Proposals, Register, Standings):
    """`judge` answers, `require` raises; they are the same rule."""

    def judge(self, decision: SignedDecision, *, run: str, digest: str) -> Ruling:
        """Whether `decision` stands for proposal `digest` of `run`, and for an approval whether that is enough.

        A refusal is an answer, not an error.
        """
        try:
            self.require(decision, run=run, digest=digest)
        except Refused as refused:
            return Ruling.of(decision, accepted=False, why=str(refused), error=refused.name)
        ruling = Ruling.of(decision, accepted=True)
        if decision.statement.verdict == "withdraw":
            return self._without(ruling, decision)
        return self._counted(ruling, decision) if decision.statement.verdict == "approve" else ruling

    def require(
        self,
        decision: SignedDecision,
        *,
        run: str,
        digest: str,
        verdict: Verdict | None = None,
        measure: Measure | None = None,
    ) -> None:
        """Raise the Refused that applies, or return. Nothing is written.

        Who is about to carry out an effect asks for `verdict="approve"`: a rejection, too, is a decision
        that stands. `measure`: of effects, without which no standing approval covers anything.
        """
        statement = decision.statement
        require_coherent(statement)
        if verdict is not None and statement.verdict != verdict:
            raise NotSigned(f"The decision is {statement.verdict!r}, not {verdict!r}.", subject=decision.id)
        self._require_place(statement, run)
        require_digest(statement, digest)
        self._require_signature(decision)
        proposal = self._require_intact(statement)
        if decision.standing is not None:
            require_inside(decision.standing, proposal, measure)
            self.require_in_force(decision.standing, proposal.digest)
        if decision.batch is not None and not self._was_accepted(decision.id):
            others = SignedDecision.each_of(decision.batch, decision.signature)
            require_whole((each for each in others if not self._was_accepted(each.id)), decision, self._require_member)
        if statement.verdict != "withdraw":
            self._require_say(statement, proposal)
        self._require_undecided(decision, proposal)

    def require_all(
        self, decisions: Sequence[SignedDecision], *, run: str, digest: str, measure: Measure | None = None
    ) -> None:
        """Raise the Refused that applies unless each of these approvals stands and they are all that is needed."""
        for decision in decisions:
            self.require(decision, run=run, digest=digest, verdict="approve", measure=measure)
        proposal = self.proposal(digest)
        progress = self._progress(proposal, decisions)
        if not progress.enough:
            raise NotEnough(
                f"Proposal {proposal.id} needs more approvals than came with it: {progress.says}.",
                subject=proposal.digest,
                way_out="It is carried out once all of them stand. `countersign show` says whose are missing.",
            )

    def progress_of(self, proposal: Proposal, approvals: Sequence[SignedDecision]) -> Progress:
        """How far these approvals bring it, each of which stands: `require_all` has said so."""
        return self._progress(proposal, approvals)

    def progress(self, proposal: Proposal) -> Progress:
        """Who has approved, of those whose approval stands now, for each thing that the proposal asks for."""
        return self._progress(proposal, self.approvals(proposal))

    def standing(self, proposal: Proposal) -> Progress:
        """The same with who could still approve: people with a key, who have a say and nothing against them."""
        signers = {key.person for key in self.trusted_keys() if key.revoked_at is None}
        people = [person for person in self.trusted_people() if person.name in signers]
        widened = deciding(proposal.escalations, self.clock())
        return Progress(of=tuple(_with_others(each, people, widened) for each in self.progress(proposal).of))

    def approvals(self, proposal: Proposal) -> list[SignedDecision]:
        """The approvals that were taken and still stand: signed, by a key that is not revoked, by somebody who still
        has a say, and not withdrawn. One for each person, the first."""
        standing, withdrawn = dict[str, SignedDecision](), self._withdrawn(proposal.digest)
        for decision in self._accepted(proposal.digest):
            person = decision.statement.person
            if (person, decision.id) not in withdrawn and self._stands(decision, proposal):
                standing.setdefault(person, decision)
        return list(standing.values())

    def approval(self, proposal: Proposal, person: str) -> SignedDecision | None:
        """The person's own, if one stands."""
        return next((each for each in self.approvals(proposal) if each.statement.person == person), None)

    def why_not(self, proposal: Proposal, person: Person) -> Refused | None:
        """Why this person can't approve it now, by their part in it, not by its state; None where they can."""
        try:
            known = self.trusted_person(person.name)
        except MissingRole as nobody:
            return nobody
        why = refusal(proposal.requirements, known, deciding(proposal.escalations, self.clock()))
        return why or self._approved_before(person.name, proposal)

    def why_not_batched(self, proposal: Proposal) -> Refused | None:
        """Why nobody can approve it together with others, while it is open; None where `why_not` says the rest."""
        if self.clock() >= proposal.expires_at:
            return closed("expired", proposal)
        try:
            require_batchable(proposal)
        except NotInBatch as why_not:
            return why_not
        return None

    def _require_place(self, statement: Statement, run: str) -> None:
        if statement.realm != self.realm:
            raise WrongRun("The decision was signed for another installation.", subject=statement.realm)
        if statement.run != run:
            raise WrongRun(
                f"The decision was signed for run {statement.run!r}, not for {run!r}.", subject=statement.run
            )

    def _require_signature(self, decision: SignedDecision) -> None:
        statement, batch = decision.statement, decision.batch
        if decision.standing is not None:
            data = standing_bytes(decision, decision.standing, self._require_intact(statement))
        else:
            data = statement.signing_bytes() if batch is None else batch_bytes(statement, batch)
        self.require_key(decision.signature, statement.person, data, subject=decision.id)
        if batch is not None:
            require_batchable(self._require_intact(statement))

    def _require_member(self, decision: SignedDecision) -> None:
        """One of a batch could be taken, leaving aside the signature, which is the same for all."""
        proposal = self._require_intact(decision.statement)
        require_batchable(proposal)
        self._require_say(decision.statement, proposal)
        self._require_undecided(decision, proposal)

    def require_just_signed(self, what: str, realm: str, at: datetime, *, subject: str, way_out: str) -> None:
        """Of a wish that is acted upon at once: WrongRun for another installation's, Expired for one that was signed
        earlier and never handed in."""
        now = self.clock()
        if realm != self.realm:
            raise WrongRun(f"The {what} was signed for another installation.", subject=realm)
        if not now - GOOD_FOR <= at <= now + CLOCK_SKEW:
            raise Expired(f"The {what} was not signed just now.", subject=subject, way_out=way_out)

    def require_key(self, signature: Signature, person: str, data: bytes, *, subject: str) -> None:
        """Raises UnknownKey or BadSignature, unless `data` is signed by a key of `person` that is good today."""
        key = self.trusted_key(signature.key)
        if key is None:
            raise self.unknown_key(signature.key)
        if key.revoked_at is not None:
            raise UnknownKey(f"The key {signature.key} was revoked.", subject=signature.key)
        if key.person != person:
            raise UnknownKey(f"It names {person!r}, and the key that signed it is not theirs.", subject=signature.key)
        if not verify(signature, key.public_key, data):
            raise BadSignature("The signature does not match the words under it.", subject=subject)

    def require_best_key(self, signature: Signature, person: str) -> None:
        """A script that got into a page could use the browser's own key, and no passkey: who has one signs with it."""
        if signature.scheme == "ed25519" and (self.passkeys(person) or signature.key not in self.plain_keys(person)):
            raise UnknownKey(
                f"{person!r} has a passkey: a browser's own key signs nothing any more.",
                subject=signature.key,
                way_out="Sign with the passkey or `countersign approve`. Lost? Take it away, then `countersign link`.",
            )

    def _require_intact(self, statement: Statement) -> Proposal:
        try:
            proposal = self.proposal(statement.digest)
        except (NotFound, BadInput) as error:
            raise WrongDigest("No proposal with this digest is in the ledger.", subject=statement.digest) from error
        if proposal.digest != statement.digest:
            raise WrongDigest("The decision names a part of a digest only.", subject=statement.digest)
        if proposal.run != statement.run or proposal.realm != statement.realm:
            raise WrongRun("The proposal belongs to another run.", subject=proposal.run)
        return proposal

    def _require_say(self, statement: Statement, proposal: Proposal) -> None:
        """Any who have a say may reject or ask for changes. To approve, nothing else may stand against it either."""
        require_covered(proposal)
        person = self.trusted_person(statement.person)
        asked, widened = proposal.requirements, deciding(proposal.escalations, self._when(statement))
        if statement.verdict != "approve" and any(eligible(each, person, widened) for each in asked):
            return
        if why := refusal(asked, person, widened):
            raise why

    def _when(self, statement: Statement) -> datetime:
        """When it was decided, and never later than now: what opens later is not open yet."""
        return min(self.clock(), statement.decided_at)

    def _counted(self, ruling: Ruling, decision: SignedDecision) -> Ruling:
        proposal = self.proposal(decision.statement.digest)
        others = [each for each in self.approvals(proposal) if each.id != decision.id]
        progress = self._progress(proposal, [decision, *others])
        if not others and progress.enough:
            return ruling
        standing = {"enough": progress.enough, "progress": progress.says, "approvals": (*others, decision)}
        return ruling.model_copy(update=standing)

    def _without(self, ruling: Ruling, decision: SignedDecision) -> Ruling:
        """A withdrawal: it waits on, with one approval less."""
        proposal = self.proposal(decision.statement.digest)
        others = [each for each in self.approvals(proposal) if each.statement.person != decision.statement.person]
        return ruling.model_copy(update={"enough": False, "progress": self._progress(proposal, others).says})

    def _progress(self, proposal: Proposal, approvals: Sequence[SignedDecision]) -> Progress:
        """How far these approvals, each of which stands, bring it. A person counts once, however often they signed."""
        people = {
            each.statement.person: (self.trusted_person(each.statement.person), self._when(each.statement))
            for each in approvals
        }
        return Progress(
            of=tuple(
                Standing(
                    requirement=each,
                    signed=tuple(
                        sorted(
                            name
                            for name, (person, when) in people.items()
                            if counts(each, person, deciding(proposal.escalations, when))
                        )
                    ),
                )
                for each in proposal.requirements
            )
        )

    def _stands(self, decision: SignedDecision, proposal: Proposal) -> bool:
        """Whether it is an approval of exactly this, by its signature and by who signed it."""
        statement = decision.statement
        if statement.verdict != "approve" or statement.digest != proposal.digest:
            return False
        try:
            self._require_place(statement, proposal.run)
            self._require_signature(decision)
            self._require_say(statement, proposal)
        except Refused:
            return False
        return True

    def _withdrawn(self, digest: str) -> set[tuple[str, str]]:
        """Approvals that were taken back, by person and id. A key that was revoked since brings none of them back."""
        taken_back = [each.statement for each in self._accepted(digest) if each.statement.verdict == "withdraw"]
        return {(statement.person, statement.withdraws) for statement in taken_back}

    def _require_kept(self, decision: SignedDecision) -> None:
        statement = decision.statement
        if (statement.person, decision.id) in self._withdrawn(statement.digest):
            raise Refused(f"{statement.person!r} has withdrawn this approval.", subject=statement.digest)

    def _accepted(self, digest: str) -> list[SignedDecision]:
        query = sa.select(decisions.c.body).where(decisions.c.digest == digest, decisions.c.accepted.is_(True))
        with self.store.read() as connection:
            bodies = connection.scalars(query.order_by(decisions.c.recorded_at, decisions.c.id)).all()
        return [SignedDecision.model_validate(body) for body in bodies]

    def _approved_before(self, person: str, proposal: Proposal) -> AlreadyUsed | None:
        if self.approval(proposal, person) is None:
            return None
        return AlreadyUsed(
            f"{person!r} has approved proposal {proposal.id} already, and a person counts once.",
            subject=proposal.digest,
            way_out=f"It waits for others: {self.progress(proposal).says}.",
        )

    def _require_undecided(self, decision: SignedDecision, proposal: Proposal) -> None:
        """Open and in time; or closed by this very decision, which stands however late it is carried out."""
        state = self.proposal_record(proposal.digest).state
        if state in ("superseded", "expired", "withdrawn"):
            raise closed(state, proposal)
        if self._was_accepted(decision.id):
            if state not in ("open", CLOSES.get(decision.statement.verdict)):
                raise closed(state, proposal)
            require_then_in_time(decision.statement, proposal)
            self._require_kept(decision)
            return
        if state != "open":
            raise closed(state, proposal)
        self._require_in_time(decision.statement, proposal)
        self.require_best_key(decision.signature, decision.statement.person)
        self.require_confirmed(decision.statement.person)
        self._require_first(decision.statement, proposal)

    def _require_first(self, statement: Statement, proposal: Proposal) -> None:
        """An approval is the person's first that stands, and a withdrawal is of one that does."""
        again = self._approved_before(statement.person, proposal)
        if statement.verdict == "approve" and again:
            raise again
        if statement.verdict != "withdraw":
            return
        mine = self.approval(proposal, statement.person)
        if mine is None or mine.id != statement.withdraws:
            raise Refused(
                f"{statement.person!r} has no approval of proposal {proposal.id} to withdraw.", subject=proposal.digest
            )

    def _require_in_time(self, statement: Statement, proposal: Proposal) -> None:
        now = self.clock()
        if max(now, statement.decided_at) >= proposal.expires_at:
            raise Expired(
                f"Proposal {proposal.id} could be decided until {proposal.expires_at:%Y-%m-%d %H:%M %Z}.",
                subject=proposal.digest,
                way_out="Start the run again for a fresh proposal.",
            )
        if statement.decided_at > now + CLOCK_SKEW:
            raise Refused("The decision says it was made in the future.", subject=str(statement.decided_at))
        if statement.decided_at < proposal.created_at - CLOCK_SKEW:
            raise Refused("The decision says it was made before the proposal.", subject=str(statement.decided_at))

    def _was_accepted(self, decision: str) -> bool:
        query = sa.select(decisions.c.id).where(decisions.c.id == decision, decisions.c.accepted.is_(True))
        with self.store.read() as connection:
            return connection.scalar(query) is not None


def _with_others(standing: Standing, people: Sequence[Person], widened: Sequence[Escalated]) -> Standing:
    may = [person.name for person in people if counts(standing.requirement, person, widened)]
    return standing.model_copy(update={"may": tuple(name for name in may if name not in standing.signed)})
