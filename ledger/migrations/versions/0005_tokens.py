"""Tokens for programs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("tokens", sa.Column("label", sa.Text, nullable=False, server_default=""))
    op.add_column("tokens", sa.Column("scopes", sa.Text, nullable=False, server_default=""))
    op.add_column("tokens", sa.Column("used_at", sa.String(27)))
    op.create_index("tokens_person", "tokens", ["person", "kind"])
