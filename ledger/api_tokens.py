"""Tokens for programs: scoped, with an end, and kept as hashes."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from contracts.errors import BadInput, NotFound
from contracts.records import Person
from contracts.tokens import SCOPES, TOKEN_PREFIX, ApiToken, Scope
from ledger.identities import UNSEEN
from ledger.schema import tokens
from ledger.sessions import Sessions

ID = 12  # digits of the hash that name a token
LONGEST = timedelta(days=366)


class ApiTokens(Sessions):
    """Making, using and ending them."""

    def create_token(self, person: str, scopes: Sequence[Scope], *, seconds: float, label: str = "") -> str:
        """A token that acts for an enrolled person within `scopes`. It is shown once and can't be read back."""
        wrong = [scope for scope in scopes if scope not in SCOPES]
        if wrong or not scopes:
            raise BadInput(
                f"{wrong[0]!r} is no scope." if wrong else "A token without a scope could do nothing.",
                subject="scope",
                way_out=f"There are {', '.join(SCOPES)}.",
            )
        if not 0 < seconds <= LONGEST.total_seconds():
            raise BadInput(
                f"A token has to end within {LONGEST.days} days.", subject="expires", way_out="Such as `30d`."
            )
        self.person(person)
        said = " ".join(sorted(set(scopes)))
        return self._create(
            "api",
            person,
            seconds,
            token=TOKEN_PREFIX + secrets.token_urlsafe(32),
            entered=f"{person} made an API token for {said}",
            facts={"scopes": said, "label": label[:100]},
            label=label[:100],
            scopes=said,
        )

    def token(self, token: str) -> tuple[Person, frozenset[str]] | None:
        """Whose token it is and what for; None when it ended, ran out or never was, or when its
        person has not signed in through their organisation for too long."""
        row = self._token_row(token, "api")
        if row is None or not self.is_confirmed(row["person"], UNSEEN):
            return None
        self._seen(row)
        return self.person(row["person"]), frozenset(row["scopes"].split())

    def api_tokens(self) -> list[ApiToken]:
        """All there ever were, the newest first."""
        query = sa.select(tokens).where(tokens.c.kind == "api").order_by(tokens.c.created_at.desc())
        with self.store.read() as connection:
            return [_token(row) for row in connection.execute(query).mappings()]

    def end_token(self, id: str, by: str) -> ApiToken:
        """End the token whose id it is. NotFound; BadInput where the id fits several. Ended before: it stays so."""
        found = [each for each in self.api_tokens() if len(id) >= 6 and each.id.startswith(id)]
        if not found:
            raise NotFound(f"There is no API token {id!r}.", subject=id, way_out="See `countersign tokens list`.")
        if len(found) > 1:
            raise BadInput(f"{id!r} fits {len(found)} tokens.", subject=id, way_out="Give more of it.")
        fits = (tokens.c.hash.startswith(found[0].id), tokens.c.kind == "api", tokens.c.ended_at.is_(None))
        with self.store.write() as connection:
            ended = sa.update(tokens).where(*fits).values(ended_at=self.clock()).returning(tokens.c.hash)
            if (mark := connection.scalar(ended)) is not None:
                says = f"{by} ended an API token of {found[0].person}"
                self._note(connection, "person.token_ended", by, says, mark)
        return found[0]


def _token(row: RowMapping) -> ApiToken:
    return ApiToken.model_validate(
        {
            **{name: row[name] for name in ("person", "label", "created_at", "expires_at", "ended_at", "used_at")},
            "id": row["hash"][:ID],
            "scopes": tuple(row["scopes"].split()),
        }
    )
