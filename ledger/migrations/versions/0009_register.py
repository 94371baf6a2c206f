"""The register: signed statements of who may sign. Append-only, as entries are."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "register",
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("id", sa.String(71), nullable=False, unique=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.String(27), nullable=False),
        sqlite_autoincrement=True,
    )
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER register_no_{change.lower()} BEFORE {change} ON register "
                "BEGIN SELECT RAISE(ABORT, 'register is append-only'); END"
            )
    else:
        op.execute(
            "CREATE TRIGGER register_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON register "
            "FOR EACH STATEMENT EXECUTE FUNCTION countersign_append_only()"
        )
