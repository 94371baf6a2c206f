"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = ("entries", "leaves", "heads")


def upgrade() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "entries",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("says", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.String(27), nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("entries_kind", "entries", ["kind", "id"])
    op.create_index("entries_run", "entries", ["run", "id"])
    op.create_table(
        "leaves",
        sa.Column("position", ID, primary_key=True, autoincrement=False),
        sa.Column("entry", ID, nullable=False, unique=True),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("recorded_at", sa.String(27), nullable=False),
        sa.Column("head", ID, nullable=False),
    )
    op.create_table(
        "heads",
        sa.Column("number", ID, primary_key=True, autoincrement=False),
        sa.Column("size", ID, nullable=False, unique=True),
        sa.Column("root", sa.String(71), nullable=False),
        sa.Column("previous", sa.String(71), nullable=False),
        sa.Column("frontier", sa.Text, nullable=False),
        sa.Column("sealed_at", sa.String(27), nullable=False),
        sa.Column("key", sa.String(60), nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("workflow", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("temporal_run_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("says", sa.Text, nullable=False),
        sa.Column("started_at", sa.String(27), nullable=False),
        sa.Column("finished_at", sa.String(27)),
        sa.Column("cost_usd", sa.String(40)),
    )
    op.create_index("runs_started_at", "runs", ["started_at"])
    op.create_index("runs_state", "runs", ["state", "started_at"])
    op.create_table(
        "proposals",
        sa.Column("digest", sa.String(71), primary_key=True),
        sa.Column("body", sa.String(71), nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("workflow", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("drafted_by", sa.String(20), nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("expires_at", sa.String(27), nullable=False),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_at", sa.String(27)),
    )
    op.create_index("proposals_run", "proposals", ["run", "revision"])
    op.create_index("proposals_state", "proposals", ["state", "created_at"])
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(71), primary_key=True),
        sa.Column("accepted", sa.Boolean, primary_key=True),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("error", sa.String(40), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("recorded_at", sa.String(27), nullable=False),
    )
    op.create_index("decisions_run", "decisions", ["run", "recorded_at"])
    op.create_table(
        "effects",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("decision", sa.String(71), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("outcome", sa.JSON, nullable=False),
        sa.Column("intended_at", sa.String(27), nullable=False),
        sa.Column("finished_at", sa.String(27)),
    )
    op.create_index("effects_decision", "effects", ["decision"])
    op.create_index("effects_run", "effects", ["run"])
    op.create_index("effects_subject", "effects", ["kind", "subject", "finished_at"])
    op.create_table(
        "people",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("roles", sa.JSON, nullable=False),
    )
    op.create_table(
        "person_keys",
        sa.Column("fingerprint", sa.String(60), primary_key=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("enrolled_at", sa.String(27), nullable=False),
        sa.Column("revoked_at", sa.String(27)),
    )
    op.create_index("person_keys_person", "person_keys", ["person"])
    op.create_table(
        "tokens",
        sa.Column("hash", sa.String(71), primary_key=True),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("expires_at", sa.String(27), nullable=False),
        sa.Column("ended_at", sa.String(27)),
    )
    if op.get_bind().dialect.name == "sqlite":
        _protect_sqlite()
    else:
        _protect_postgres()


def _protect_sqlite() -> None:
    for table in APPEND_ONLY:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _protect_postgres() -> None:
    op.execute(
        "CREATE FUNCTION countersign_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION countersign_append_only()"
        )
