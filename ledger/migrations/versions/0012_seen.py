"""What runs have taken from their sources."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "seen",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("body", sa.String(71), nullable=False, server_default=""),
        sa.Column("example", sa.String(71), nullable=False, server_default=""),
        sa.Column("seen_at", sa.String(27), nullable=False),
    )
    op.create_index("seen_run", "seen", ["run"])
    op.create_index("seen_example", "seen", ["source", "example"])
