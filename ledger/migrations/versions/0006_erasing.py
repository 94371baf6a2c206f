"""Erasing: what an entry says may be replaced once an entry tells of that, and nothing else of it ever."""

from alembic import op

revision = "0006"
down_revision = "0005"

KEPT = ("id", "key", "kind", "name", "run", "recorded_at", "digest")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        same = " AND ".join(f"NEW.{column} IS OLD.{column}" for column in KEPT)
        told = "EXISTS (SELECT 1 FROM entries WHERE key = 'erased/' || OLD.id || '/1')"
        op.execute("DROP TRIGGER entries_no_update")
        op.execute(
            f"CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries WHEN NOT ({same} AND {told}) "
            "BEGIN SELECT RAISE(ABORT, 'entries is append-only'); END"
        )
        return
    same = " AND ".join(f"NEW.{column} IS NOT DISTINCT FROM OLD.{column}" for column in KEPT)
    op.execute(
        "CREATE FUNCTION countersign_tombstones_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "  # noqa: S608
        f"IF {same} AND EXISTS (SELECT 1 FROM entries WHERE key = 'erased/' || OLD.id || '/1') THEN RETURN NEW; END IF;"
        " RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    op.execute("DROP TRIGGER entries_append_only ON entries")
    op.execute(
        "CREATE TRIGGER entries_append_only BEFORE DELETE OR TRUNCATE ON entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION countersign_append_only()"
    )
    op.execute(
        "CREATE TRIGGER entries_tombstones_only BEFORE UPDATE ON entries "
        "FOR EACH ROW EXECUTE FUNCTION countersign_tombstones_only()"
    )
