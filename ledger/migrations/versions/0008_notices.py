"""The outbox of what people are told, and how each wants to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("person", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("reason", sa.String(20), primary_key=True),
        sa.Column("channel", sa.String(10), primary_key=True),
        sa.Column("revision", sa.Text, primary_key=True),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("workflow", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("says", sa.Text, nullable=False),
        sa.Column("urgent", sa.Boolean, nullable=False),
        sa.Column("critical", sa.Boolean, nullable=False),
        sa.Column("until", sa.String(27)),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("message", sa.String(40), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("lease_until", sa.String(27)),
        sa.Column("next_at", sa.String(27)),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("ended_at", sa.String(27)),
    )
    op.create_index("notices_state", "notices", ["state", "made_at"])
    op.create_index("notices_message", "notices", ["message"])
    op.create_table(
        "preferences",
        sa.Column("person", sa.Text, primary_key=True),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("unproved", sa.Text, nullable=False),
        sa.Column("code", sa.String(71), nullable=False),
        sa.Column("code_until", sa.String(27)),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("changed_at", sa.String(27), nullable=False),
    )
