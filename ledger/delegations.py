"""Delegations: who has handed what to whom. The rule that judges decisions says who may, and to whom."""

from collections.abc import Iterable

import sqlalchemy as sa
from pydantic import JsonValue, ValidationError
from sqlalchemy.engine import RowMapping

from contracts.delegation import Delegation, DelegationRecord, SignedDelegation
from contracts.errors import NotDelegable, NotFound, Refused, WrongRun
from contracts.proposal import Proposal
from contracts.records import Entry, Person
from contracts.requirements import counts, deciding
from contracts.roles import parts
from ledger.refusals import closed
from ledger.rule import Rule
from ledger.schema import delegations


class Delegations(Rule):
    """Handing on, ending that, and what is with whom now."""

    def delegate(self, signed: SignedDelegation) -> DelegationRecord:
        """Take a signed delegation, or the end of one. The same again is nothing. Raises the Refused that applies, with
        an entry; NotFound for an end of none."""
        try:
            self._require_sound(signed)
            if signed.statement.revokes:
                return self._ended(signed)
            self._require_right(signed.statement)
        except Refused as refused:
            self.append(self._delegation_entry(signed, "refusal", f"Refused: {_says(signed)}. {refused.what}"))
            raise
        row = {
            "id": signed.statement.id,
            **signed.statement.model_dump(include={"person", "to", "run"}),
            "body": signed.model_dump(mode="json"),
            "made_at": self.clock(),
        }
        with self.store.write() as connection:
            connection.execute(self.store.insert_once(delegations), [{**row, "ended_at": None, "ended_by": ""}])
            self.note(connection, self._delegation_entry(signed, "person", _says(signed)))
        return self.delegation(signed.statement.id)

    def delegation(self, name: str) -> DelegationRecord:
        """By its id, or the first digits of it. NotFound."""
        wanted = name if name.startswith("sha256:") else f"sha256:{name}"
        query = sa.select(delegations).where(delegations.c.id.startswith(wanted, autoescape=True)).limit(2)
        with self.store.read() as connection:
            found = connection.execute(query).mappings().all()
        if len(found) != 1 or len(wanted) < len("sha256:") + 6:
            raise NotFound(
                f"There is no delegation {name!r}.", subject=name, way_out="`countersign delegations` lists them."
            )
        return _record(found[0])

    def delegations(self, person: str = "") -> list[DelegationRecord]:
        """Those that hold today, oldest first; `person`: by them or to them."""
        query = sa.select(delegations).where(delegations.c.ended_at.is_(None)).order_by(delegations.c.made_at)
        if person:
            query = query.where(sa.or_(delegations.c.person == person, delegations.c.to == person))
        with self.store.read() as connection:
            known = [_record(row) for row in connection.execute(query).mappings()]
        now = self.clock()
        return [each for each in known if each.statement.until is None or each.statement.until > now]

    def handed(self, proposal: Proposal, known: Iterable[DelegationRecord] | None = None) -> list[DelegationRecord]:
        """Those of the `known` ones that hold for this proposal: who handed it on may decide on it, and so may who has
        it, now. Where either may not, nothing was handed on."""
        mine = [each for each in (self.delegations() if known is None else known) if self._is_of(each, proposal)]
        return [each for each in mine if self._why_not_handed(proposal, each.statement) is None]

    def may_have(self, proposal: Proposal, person: str) -> list[Person]:
        """To whom this person may hand it."""
        signers = {key.person for key in self.trusted_keys() if key.revoked_at is None}
        others = [each for each in self.trusted_people() if each.name in signers - {person}]
        return [each for each in others if self._why_not(proposal, person, each.name) is None]

    def _is_of(self, record: DelegationRecord, proposal: Proposal) -> bool:
        return record.statement.run in ("", proposal.run)

    def _require_sound(self, signed: SignedDelegation) -> None:
        statement = signed.statement
        try:
            sound = Delegation.model_validate(statement.model_dump(warnings=False))
        except ValidationError as error:
            raise Refused(f"The delegation is not coherent: {error.errors()[0]['msg']}.") from error
        if sound.problem:
            raise NotDelegable(f"It can't be handed on like that: {sound.problem}.", subject=statement.person)
        when, whose = statement.decided_at, statement.person
        self.require_just_signed("delegation", statement.realm, when, subject=whose, way_out="Sign it again.")
        self.require_key(signed.signature, statement.person, statement.signing_bytes(), subject=statement.id)
        self.require_best_key(signed.signature, statement.person)
        self.require_confirmed(statement.person)

    def _require_right(self, statement: Delegation) -> None:
        if not statement.digest:
            for name in (statement.person, statement.to):
                if "reviewer" not in parts(self.trusted_person(name).roles):
                    raise NotDelegable(f"{name!r} has no role that decides anything.", subject=name)
            return
        proposal = self.proposal(statement.digest)
        if proposal.run != statement.run or proposal.digest != statement.digest:
            raise WrongRun("The proposal belongs to another run.", subject=proposal.run)
        state = self.proposal_record(proposal.digest).state
        if state != "open":
            raise closed(state, proposal)
        if why := self._why_not_handed(proposal, statement):
            raise why

    def _why_not_handed(self, proposal: Proposal, statement: Delegation) -> Refused | None:
        return self._why_not(proposal, statement.person, statement.to)

    def _why_not(self, proposal: Proposal, person: str, to: str) -> Refused | None:
        """Both may approve it now, each as themselves, by a rule that lets it be handed on."""
        try:
            both = [self.trusted_person(name) for name in (person, to)]
        except Refused as nobody:
            return nobody
        for each in both:
            if why := self.why_not(proposal, each):
                return why
        widened = deciding(proposal.escalations, self.clock())
        shared = [each for each in proposal.requirements if all(counts(each, one, widened) for one in both)]
        if any(each.delegable for each in shared):
            return None
        return NotDelegable(
            f"Proposal {proposal.id} can't be handed on by {person!r} to {to!r}.",
            subject=proposal.digest,
            way_out="Hand it to somebody who has the same say in it, by a rule that lets it be handed on.",
        )

    def _ended(self, signed: SignedDelegation) -> DelegationRecord:
        statement, record = signed.statement, self.delegation(signed.statement.revokes)
        if statement.person not in (record.statement.person, record.statement.to):
            raise Refused("Only who handed it on, or who has it, can end a delegation.", subject=record.id)
        if record.ended_at is not None:
            return record
        change = {"ended_at": self.clock(), "ended_by": statement.person}
        with self.store.write() as connection:
            connection.execute(sa.update(delegations).where(delegations.c.id == record.id).values(change))
            self.note(connection, self._delegation_entry(signed, "person", _says(signed)))
        return self.delegation(record.id)

    def _delegation_entry(self, signed: SignedDelegation, kind: str, says: str) -> Entry:
        statement, now = signed.statement, self.clock()
        facts: dict[str, JsonValue] = {
            "delegation": statement.model_dump(mode="json"),
            "key": signed.signature.key,
            "signature": signed.signature.value,
            "scheme": signed.signature.scheme,
        }
        return Entry(
            key=f"delegation/{kind}/{statement.id}",
            kind="refusal" if kind == "refusal" else "person",
            name="delegation.ended" if statement.revokes else "delegation.made",
            says=says,
            run=statement.run,
            actor=statement.person,
            outcome="refused" if kind == "refusal" else "ok",
            started_at=statement.decided_at,
            finished_at=now,
            facts=facts,
        )


def _says(signed: SignedDelegation) -> str:
    words = f": {signed.statement.words}" if signed.statement.words else ""
    return f"{signed.statement.says}{words}"


def _record(row: RowMapping) -> DelegationRecord:
    fields = {name: row[name] for name in ("id", "made_at", "ended_at", "ended_by")}
    return DelegationRecord.model_validate({**fields, "signed": row["body"]})
