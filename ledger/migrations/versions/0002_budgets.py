"""Budgets, and what became of drafts by tier."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("spent", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("usd", sa.BigInteger),
        sa.Column("changed_at", sa.String(27), nullable=False),
    )
    op.create_table(
        "tickets",
        sa.Column("ticket", sa.String(32), primary_key=True),
        sa.Column("call", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("accounts", sa.JSON, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("worst", sa.BigInteger, nullable=False),
        sa.Column("charged", sa.BigInteger, nullable=False),
        sa.Column("reply", sa.String(71), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("expires_at", sa.String(27), nullable=False),
        sa.Column("ended_at", sa.String(27)),
    )
    op.create_index("tickets_call", "tickets", ["call"])
    op.create_index("tickets_open", "tickets", ["state", "expires_at"])
    op.create_table(
        "acceptance",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("workflow", sa.Text, nullable=False),
        sa.Column("tier", sa.String(10), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("share", sa.Float, nullable=False),
        sa.Column("decided_at", sa.String(27), nullable=False),
    )
    op.create_index("acceptance_tier", "acceptance", ["workflow", "tier", "decided_at"])
