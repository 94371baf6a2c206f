"""Proposals: the row is in a table, the body in the artifact store, and the digest holds them together."""

import re
from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Connection, RowMapping

from contracts.digests import PREFIX, short
from contracts.errors import ArtifactDamaged, BadInput, Conflict, NotFound, WrongDigest, WrongRun
from contracts.proposal import Proposal
from contracts.records import Entry, ProposalRecord
from ledger.entries import Entries
from ledger.schema import proposals, runs

SHORTEST = 6  # hex digits that a person has to type
LEAVES = {  # which states a proposal may go to; every other step is a Conflict
    "open": {"superseded", "approved", "changes requested", "rejected", "expired", "withdrawn"},
    "approved": {"withdrawn"},
    "changes requested": {"superseded", "withdrawn", "expired"},
}


class Proposals(Entries):
    """Storing, finding and closing proposals."""

    def store_proposal(self, proposal: Proposal) -> None:
        """Keep a sealed proposal; earlier open revisions of its run become superseded. Idempotent."""
        if not proposal.is_intact:
            raise WrongDigest("The proposal does not have the digest it claims.", subject=proposal.digest)
        if proposal.realm != self.realm:
            raise WrongRun("The proposal belongs to another installation.", subject=proposal.realm)
        body = self.artifacts.put_model(proposal)
        with self.store.write() as connection:
            connection.execute(self.store.insert_once(proposals), [_row(proposal, body)])
            _supersede(connection, proposal.run)
            self.note(connection, self._stored_entry(proposal))

    def proposal(self, digest_or_prefix: str) -> Proposal:
        """The body. NotFound; BadInput when several match; WrongDigest when it was tampered with."""
        row = self._row(digest_or_prefix)
        try:
            proposal = self.artifacts.get_model(Proposal, row["body"])
        except (ArtifactDamaged, NotFound, ValidationError) as error:
            raise _tampered(row["digest"]) from error
        if proposal.digest != row["digest"] or not proposal.is_intact:
            raise _tampered(row["digest"])
        return proposal

    def proposal_record(self, digest_or_prefix: str) -> ProposalRecord:
        return _record(self._row(digest_or_prefix))

    def proposals(
        self, *, state: str = "open", run: str = "", limit: int = 200, teams: Collection[str] | None = None
    ) -> list[ProposalRecord]:
        """The oldest open ones first (they wait longest); any other state newest first. "" is every state. Of these
        teams' runs only, where some are named."""
        newest = proposals.c.created_at.desc()
        query = sa.select(proposals).order_by(proposals.c.created_at if state == "open" else newest)
        if state:
            query = query.where(proposals.c.state == state)
        if run:
            query = query.where(proposals.c.run == run)
        if teams is not None:
            query = query.where(proposals.c.run.in_(sa.select(runs.c.run).where(runs.c.team.in_(teams))))
        with self.store.read() as connection:
            return [_record(row) for row in connection.execute(query.limit(limit)).mappings()]

    def set_proposal_state(self, digest: str, state: str, *, by: str | None = None, at: datetime | None = None) -> None:
        """Move a proposal on. The same state again is nothing; a step that makes no sense is a Conflict."""
        with self.store.write() as connection:
            query = sa.select(proposals.c.state).where(proposals.c.digest == digest).with_for_update()
            current = connection.scalar(query)
            if current is None:
                raise _unknown(digest)
            if current == state:
                return
            if state not in LEAVES.get(current, ()):
                raise Conflict(f"A proposal that is {current} cannot become {state}.", subject=digest)
            closing = {"state": state, "decided_by": by, "decided_at": at or self.clock()}
            connection.execute(sa.update(proposals).where(proposals.c.digest == digest).values(closing))

    def _row(self, digest_or_prefix: str) -> RowMapping:
        prefix = digest_or_prefix.strip().removeprefix(PREFIX)
        if not re.fullmatch(f"[0-9a-f]{{{SHORTEST},64}}", prefix):
            raise BadInput(
                f"{digest_or_prefix!r} is not the id of a proposal.",
                subject=digest_or_prefix,
                way_out=f"Give {SHORTEST} or more of its hex digits; the inbox shows them.",
            )
        query = sa.select(proposals).where(proposals.c.digest.startswith(PREFIX + prefix)).limit(2)
        with self.store.read() as connection:
            found = list(connection.execute(query).mappings())
        if not found:
            raise _unknown(digest_or_prefix)
        if len(found) > 1:
            raise BadInput(f"Several proposals begin with {prefix!r}.", subject=prefix, way_out="Give more digits.")
        return found[0]

    def _stored_entry(self, proposal: Proposal) -> Entry:
        return Entry(
            key=f"proposal/{proposal.digest}",
            kind="proposal",
            name="proposal.stored",
            says=f"Proposal {proposal.id}, revision {proposal.revision}: {proposal.title}",
            run=proposal.run,
            workflow=proposal.workflow,
            actor=proposal.edited_by or proposal.workflow,
            started_at=proposal.created_at,
            finished_at=self.clock(),
            facts={"digest": proposal.digest, "effects": [effect.key for effect in proposal.effects]},
        )


def _row(proposal: Proposal, body: str) -> dict[str, object]:
    fields = ProposalRecord.model_fields.keys() & Proposal.model_fields.keys()
    return {**proposal.model_dump(include=set(fields)), "body": body, "state": "open"}


def _supersede(connection: Connection, run: str) -> None:
    """Only the newest revision of a run stays open (of two with one number, the one made last)."""
    mine = proposals.c.run == run
    order = (proposals.c.revision.desc(), proposals.c.created_at.desc(), proposals.c.digest)
    newest = sa.select(proposals.c.digest).where(mine).order_by(*order).limit(1).scalar_subquery()
    older = sa.and_(mine, proposals.c.state == "open", proposals.c.digest != newest)
    connection.execute(sa.update(proposals).where(older).values(state="superseded"))


def _record(row: RowMapping) -> ProposalRecord:
    return ProposalRecord.model_validate(dict(row))


def _unknown(digest: str) -> NotFound:
    return NotFound(
        f"No proposal {digest!r} in this ledger.", subject=digest, way_out="`countersign inbox` lists them."
    )


def _tampered(digest: str) -> WrongDigest:
    return WrongDigest(
        f"The stored body of proposal {short(digest)} is not what its digest says: it was changed or lost.",
        subject=digest,
        way_out="Nothing of it can be signed or carried out. Run the workflow again and ask who changed it.",
    )
