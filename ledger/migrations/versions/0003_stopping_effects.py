"""The kill switch, and what limits of effects are counted by."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "switches",
        sa.Column("name", sa.String(20), primary_key=True),
        sa.Column("stopped", sa.Boolean, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("changed_at", sa.String(27), nullable=False),
    )
    op.add_column("effects", sa.Column("begun_at", sa.String(27)))
    op.add_column("effects", sa.Column("counted_at", sa.String(27)))
    # What is there was intended before anybody wrote down when it began: it may have.
    op.execute("UPDATE effects SET begun_at = intended_at, counted_at = intended_at")
    op.execute("UPDATE effects SET state = 'acting' WHERE state = 'intent'")
    op.create_index("effects_counted_at", "effects", ["counted_at"])
    op.create_index("effects_state", "effects", ["state", "intended_at"])
