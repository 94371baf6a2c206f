"""Who people are to an organisation's provider, and sessions that end when nothing is done in them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(500), primary_key=True),
        sa.Column("subject", sa.String(255), primary_key=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("linked_at", sa.String(27), nullable=False),
        sa.Column("confirmed_at", sa.String(27), nullable=False),
        sa.Column("holds_until", sa.String(27), nullable=False),
        sa.UniqueConstraint("issuer", "person", name="identities_person"),
    )
    op.add_column("tokens", sa.Column("idle_seconds", sa.Integer))
