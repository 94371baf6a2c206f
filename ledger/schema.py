"""The ledger's tables. `ledger/migrations` creates them; a test holds the two together.

Times are kept as text of one width, `2026-11-23T12:19:51.123334Z`: they sort as they are, read the same in
both databases, and lose nothing. `entries`, `leaves`, `heads` and `register` refuse UPDATE and DELETE by
trigger.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator


def moment_text(moment: datetime) -> str:
    """An aware datetime as the ledger writes it: UTC, microseconds, always 27 characters."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def clean(text: str) -> str:
    """PostgreSQL's text cannot hold a zero byte."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept as text."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        return None if value is None else moment_text(value)

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class Words(TypeDecorator[str]):
    """Text from anywhere."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else clean(value)


Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
metadata = sa.MetaData()

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# `body` is the canonical JSON under `digest`, kept as it was written: a field added to Entry later does not
# change what an old digest says. The other columns are there to search by, and are verified against it.
entries = sa.Table(
    "entries",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("key", Words, nullable=False, unique=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("name", Words, nullable=False),
    sa.Column("says", Words, nullable=False),
    sa.Column("run", Words, nullable=False),
    sa.Column("actor", Words, nullable=False),
    sa.Column("recorded_at", Moment, nullable=False),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("entries_run", "run", "id"),
    sa.Index("entries_kind", "kind", "id"),
    sqlite_autoincrement=True,
)

leaves = sa.Table(
    "leaves",
    metadata,
    sa.Column("position", Id, primary_key=True, autoincrement=False),
    sa.Column("entry", Id, nullable=False, unique=True),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("recorded_at", Moment, nullable=False),
    sa.Column("head", Id, nullable=False),
)

# `frontier` holds the roots of the perfect subtrees, so that the next head needs the new leaves only.
heads = sa.Table(
    "heads",
    metadata,
    sa.Column("number", Id, primary_key=True, autoincrement=False),
    sa.Column("size", Id, nullable=False, unique=True),
    sa.Column("root", sa.String(71), nullable=False),
    sa.Column("previous", sa.String(71), nullable=False),
    sa.Column("frontier", sa.Text, nullable=False),
    sa.Column("sealed_at", Moment, nullable=False),
    sa.Column("key", sa.String(60), nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run", Words, primary_key=True),
    sa.Column("workflow", Words, nullable=False),
    sa.Column("version", Words, nullable=False),
    sa.Column("temporal_run_id", Words, nullable=False),
    sa.Column("subject", Words, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("says", Words, nullable=False),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
    sa.Column("cost_usd", sa.String(40)),
    sa.Column("team", Words, nullable=False, server_default=""),
    sa.Column("repository", Words, nullable=False, server_default=""),
    sa.Index("runs_started_at", "started_at"),
    sa.Index("runs_state", "state", "started_at"),
)

proposals = sa.Table(
    "proposals",
    metadata,
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("body", sa.String(71), nullable=False),
    sa.Column("run", Words, nullable=False),
    sa.Column("workflow", Words, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("title", Words, nullable=False),
    sa.Column("summary", Words, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("role", Words, nullable=False),
    sa.Column("drafted_by", sa.String(20), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("decided_by", Words),
    sa.Column("decided_at", Moment),
    sa.Index("proposals_state", "state", "created_at"),
    sa.Index("proposals_run", "run", "revision"),
)

# One decision may be refused first (too early, say) and accepted later: each is kept once.
decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("id", sa.String(71), primary_key=True),
    sa.Column("accepted", sa.Boolean, primary_key=True),
    sa.Column("run", Words, nullable=False),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("person", Words, nullable=False),
    sa.Column("verdict", sa.String(20), nullable=False),
    sa.Column("why", Words, nullable=False),
    sa.Column("error", sa.String(40), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("recorded_at", Moment, nullable=False),
    sa.Index("decisions_run", "run", "recorded_at"),
)

effects = sa.Table(
    "effects",
    metadata,
    sa.Column("key", Words, primary_key=True),
    sa.Column("kind", Words, nullable=False),
    sa.Column("run", Words, nullable=False),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("decision", sa.String(71), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("subject", Words, nullable=False),
    sa.Column("outcome", sa.JSON, nullable=False),
    sa.Column("intended_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
    sa.Column("begun_at", Moment),
    sa.Column("counted_at", Moment),  # when it took its place under the limits; NULL while it has none
    sa.Index("effects_subject", "kind", "subject", "finished_at"),
    sa.Index("effects_decision", "decision"),
    sa.Index("effects_run", "run"),
    sa.Index("effects_counted_at", "counted_at"),
    sa.Index("effects_state", "state", "intended_at"),
)

# One row a switch that was ever thrown; the history of it is in the entries.
switches = sa.Table(
    "switches",
    metadata,
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("stopped", sa.Boolean, nullable=False),
    sa.Column("person", Words, nullable=False),
    sa.Column("words", Words, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
)

people = sa.Table(
    "people",
    metadata,
    sa.Column("name", Words, primary_key=True),
    sa.Column("display_name", Words, nullable=False),
    sa.Column("email", Words, nullable=False),
    sa.Column("roles", sa.JSON, nullable=False),
)

person_keys = sa.Table(
    "person_keys",
    metadata,
    sa.Column("fingerprint", sa.String(60), primary_key=True),
    sa.Column("person", Words, nullable=False),
    sa.Column("public_key", Words, nullable=False),
    sa.Column("label", Words, nullable=False),
    sa.Column("enrolled_at", Moment, nullable=False),
    sa.Column("revoked_at", Moment),
    sa.Index("person_keys_person", "person"),
)

# Signed statements of who may sign: contracts/register.py.
register = sa.Table(
    "register",
    metadata,
    sa.Column("position", Id, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(71), nullable=False, unique=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("recorded_at", Moment, nullable=False),
    sqlite_autoincrement=True,
)

# Only hashes of tokens are kept: who reads the database cannot sign in with what they find.
tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("hash", sa.String(71), primary_key=True),
    sa.Column("kind", sa.String(12), nullable=False),
    sa.Column("person", Words, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("label", Words, nullable=False, server_default=""),
    sa.Column("scopes", Words, nullable=False, server_default=""),
    sa.Column("used_at", Moment),
    sa.Column("idle_seconds", sa.Integer),  # a session ends when nothing is done in it for so long; NULL: it doesn't
    sa.Index("tokens_person", "person", "kind"),
)

# Who a person is to the organisation's provider: its subject, which is never given to somebody else.
identities = sa.Table(
    "identities",
    metadata,
    sa.Column("issuer", sa.String(500), primary_key=True),
    sa.Column("subject", sa.String(255), primary_key=True),
    sa.Column("person", Words, nullable=False),
    sa.Column("linked_at", Moment, nullable=False),
    sa.Column("confirmed_at", Moment, nullable=False),
    sa.Column("holds_until", Moment, nullable=False),
    sa.UniqueConstraint("issuer", "person", name="identities_person"),
)

# Money is in nano-dollars. What an account may pay in all is said by each call, and kept here to be shown.
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("name", Words, primary_key=True),
    sa.Column("spent", sa.BigInteger, nullable=False),
    sa.Column("reserved", sa.BigInteger, nullable=False),
    sa.Column("usd", sa.BigInteger),
    sa.Column("changed_at", Moment, nullable=False),
)

tickets = sa.Table(
    "tickets",
    metadata,
    sa.Column("ticket", sa.String(32), primary_key=True),
    sa.Column("call", Words, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("run", Words, nullable=False),
    sa.Column("accounts", sa.JSON, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("worst", sa.BigInteger, nullable=False),
    sa.Column("charged", sa.BigInteger, nullable=False),
    sa.Column("reply", sa.String(71), nullable=False),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Index("tickets_call", "call"),
    sa.Index("tickets_open", "state", "expires_at"),
)

# What became of the draft of a run, by the tier that made it: one row a run, written when it is closed.
acceptance = sa.Table(
    "acceptance",
    metadata,
    sa.Column("run", Words, primary_key=True),
    sa.Column("workflow", Words, nullable=False),
    sa.Column("tier", sa.String(10), nullable=False),
    sa.Column("model", Words, nullable=False),
    sa.Column("outcome", sa.String(10), nullable=False),
    sa.Column("share", sa.Float, nullable=False),
    sa.Column("decided_at", Moment, nullable=False),
    sa.Index("acceptance_tier", "workflow", "tier", "decided_at"),
)

# The outbox: who is told what, why and by which channel, once (ledger/notices.py).
notices = sa.Table(
    "notices",
    metadata,
    sa.Column("person", Words, primary_key=True),
    sa.Column("subject", Words, primary_key=True),
    sa.Column("reason", sa.String(20), primary_key=True),
    sa.Column("channel", sa.String(10), primary_key=True),
    sa.Column("revision", Words, primary_key=True),
    sa.Column("run", Words, nullable=False),
    sa.Column("workflow", Words, nullable=False),
    sa.Column("title", Words, nullable=False),
    sa.Column("says", Words, nullable=False),
    sa.Column("urgent", sa.Boolean, nullable=False),
    sa.Column("critical", sa.Boolean, nullable=False),
    sa.Column("until", Moment),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("message", sa.String(40), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("lease_until", Moment),
    sa.Column("next_at", Moment),
    sa.Column("why", Words, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Index("notices_state", "state", "made_at"),
    sa.Index("notices_message", "message"),
)

# How each person wants to be told, and the address that they have not proved to be theirs yet.
preferences = sa.Table(
    "preferences",
    metadata,
    sa.Column("person", Words, primary_key=True),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("unproved", Words, nullable=False),
    sa.Column("code", sa.String(71), nullable=False),
    sa.Column("code_until", Moment),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
)

# Who has handed what to whom (ledger/delegations.py).
delegations = sa.Table(
    "delegations",
    metadata,
    sa.Column("id", sa.String(71), primary_key=True),
    sa.Column("person", Words, nullable=False),
    sa.Column("to", Words, nullable=False),
    sa.Column("run", Words, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("ended_by", Words, nullable=False),
)

# What a person signed ahead. `body` holds it with its signature; `ended` is here for lists, entries say it for good.
standings = sa.Table(
    "standings",
    metadata,
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("workflow", Words, nullable=False),
    sa.Column("person", Words, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("signed_at", Moment, nullable=False),
    sa.Column("valid_until", Moment, nullable=False),
    sa.Column("ended", Words, nullable=False, server_default=""),
    sa.Column("ended_at", Moment),
    sa.Index("standings_workflow", "workflow", "valid_until"),
)

# Each use, for the inbox of who signed. They are counted by their entries.
standing_uses = sa.Table(
    "standing_uses",
    metadata,
    sa.Column("standing", sa.String(71), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("run", Words, nullable=False),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("person", Words, nullable=False),
    sa.Column("used_at", Moment, nullable=False),
    sa.Column("seen_at", Moment),
    sa.Index("standing_uses_person", "person", "seen_at"),
    sa.Index("standing_uses_digest", "digest"),
)

# What people made of each run, and what its effects came to: what standing approvals are proposed from.
measured = sa.Table(
    "measured",
    metadata,
    sa.Column("run", Words, primary_key=True),
    sa.Column("workflow", Words, nullable=False),
    sa.Column("version", Words, nullable=False),
    sa.Column("outcome", sa.String(10), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("decided_at", Moment, nullable=False),
    sa.Index("measured_workflow", "workflow", "decided_at"),
)
