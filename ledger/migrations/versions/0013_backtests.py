"""Which run made a backtest, and of what."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "backtests",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("period", sa.String(40), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.String(71), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
    )
    op.create_index("backtests_source", "backtests", ["source", "made_at"])
