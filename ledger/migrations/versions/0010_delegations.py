"""Who has handed what to whom."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "delegations",
        sa.Column("id", sa.String(71), primary_key=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("to", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("ended_at", sa.String(27)),
        sa.Column("ended_by", sa.Text, nullable=False),
    )
