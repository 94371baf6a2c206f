"""Standing approvals: what was measured, what was signed, and each use."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "standings",
        sa.Column("digest", sa.String(71), primary_key=True),
        sa.Column("workflow", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("signed_at", sa.String(27), nullable=False),
        sa.Column("valid_until", sa.String(27), nullable=False),
        sa.Column("ended", sa.Text, nullable=False, server_default=""),
        sa.Column("ended_at", sa.String(27)),
    )
    op.create_index("standings_workflow", "standings", ["workflow", "valid_until"])
    op.create_table(
        "standing_uses",
        sa.Column("standing", sa.String(71), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("used_at", sa.String(27), nullable=False),
        sa.Column("seen_at", sa.String(27)),
    )
    op.create_index("standing_uses_person", "standing_uses", ["person", "seen_at"])
    op.create_index("standing_uses_digest", "standing_uses", ["digest"])
    op.create_table(
        "measured",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("workflow", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("decided_at", sa.String(27), nullable=False),
    )
    op.create_index("measured_workflow", "measured", ["workflow", "decided_at"])
