"""Alembic's entry point. It runs on the connection, and in the transaction, that ledger.migrate hands it."""

from alembic import context

from ledger.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
