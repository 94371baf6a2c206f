"""Search: a run's team and repository, and on PostgreSQL the index of terms (on SQLite it is a file beside)."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for name in ("team", "repository"):
        op.add_column("runs", sa.Column(name, sa.Text, nullable=False, server_default=""))
    if op.get_bind().dialect.name != "sqlite":
        op.execute("CREATE TABLE words (entry bigint PRIMARY KEY, terms tsvector NOT NULL)")
        # Filled in batches, apart from the writing of entries: a pending list would only slow the search.
        op.execute("CREATE INDEX words_terms ON words USING gin (terms) WITH (fastupdate = off)")
