"""Decisions and what the rule said of each."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from contracts.decision import Ruling, SignedDecision
from contracts.digests import short
from contracts.records import Entry
from ledger.rule import Rule
from ledger.schema import decisions, proposals


class Decisions(Rule):
    """Writing decisions down: those that stand and those that were refused."""

    def record_decision(self, decision: SignedDecision, ruling: Ruling) -> None:
        """Keep the decision and its ruling, with an entry. Each decision is kept at most once as refused and
        once as accepted: one that came too early and was refused may stand later."""
        statement = decision.statement
        row = {
            "id": decision.id,
            "accepted": ruling.accepted,
            "run": statement.run,
            "digest": statement.digest,
            "person": statement.person,
            "verdict": statement.verdict,
            "why": ruling.why,
            "error": ruling.error,
            "body": decision.model_dump(mode="json"),
            "recorded_at": self.clock(),
        }
        with self.store.write() as connection:
            self._recorded(connection, decision, ruling)
            connection.execute(self.store.insert_once(decisions), [row])
            self.note(connection, self._decision_entry(decision, ruling))

    def undecided(self) -> tuple[tuple[str, ...], int]:
        """The digests of the open proposals, the oldest first, and how many decisions were taken on them so far."""
        open_ones = sa.select(proposals.c.digest).where(proposals.c.state == "open").order_by(proposals.c.created_at)
        with self.store.read() as connection:
            digests = tuple(connection.scalars(open_ones))
            mine = sa.select(sa.func.count()).select_from(
                decisions.join(proposals, decisions.c.digest == proposals.c.digest)
            )
            taken = connection.scalar(mine.where(proposals.c.state == "open", decisions.c.accepted.is_(True)))
        return digests, int(taken or 0)

    def _recorded(self, connection: Connection, decision: SignedDecision, ruling: Ruling) -> None:
        """What else happens in that transaction."""

    def decisions(self, run: str) -> list[tuple[SignedDecision, Ruling]]:
        """Every decision on a run with its ruling, in the order in which they came."""
        query = sa.select(decisions).where(decisions.c.run == run).order_by(decisions.c.recorded_at)
        with self.store.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [_ruled(row) for row in rows]

    def _decision_entry(self, decision: SignedDecision, ruling: Ruling) -> Entry:
        statement, kind = decision.statement, "decision" if ruling.accepted else "refusal"
        verdict = statement.verdict.replace("_", " ")
        says = f"{statement.person}: {verdict} {short(statement.digest)} by {decision.via}"
        return Entry(
            key=f"{kind}/{decision.id}",
            kind="decision" if ruling.accepted else "refusal",
            name=f"decision.{statement.verdict}",
            says=says if ruling.accepted else f"Refused: {says}. {ruling.why}",
            run=statement.run,
            actor=statement.person,
            outcome="ok" if ruling.accepted else "refused",
            started_at=statement.decided_at,
            finished_at=self.clock(),
            facts={
                "decision": decision.id,
                "digest": statement.digest,
                "key": decision.signature.key,
                "signature": decision.signature.value,
                "scheme": decision.signature.scheme,
                "reason": statement.reason,
                "words": statement.words,
                "error": ruling.error,
                **({"batch": decision.batch.model_dump(mode="json")} if decision.batch else {}),
                **({"standing": decision.standing.digest} if decision.standing else {}),
            },
        )


def _ruled(row: RowMapping) -> tuple[SignedDecision, Ruling]:
    decision = SignedDecision.model_validate(row["body"])
    return decision, Ruling.of(decision, accepted=row["accepted"], why=row["why"], error=row["error"])
