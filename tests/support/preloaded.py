"""What processes of tests import, imported once in the process that all of them are forked from."""

import importlib

from workers import discovery

for name in (
    # What is only imported when it is needed, and takes its time.
    *("alembic.command", "anthropic", "psycopg", "pytest", "sqlalchemy.dialects.postgresql.psycopg", "uvloop"),
    *("activities.models.claude", "workers.worker"),
    *("holidays", "sepaxml", "xmlschema"),
    *("activities.deal_scoring.backtest", "activities.deal_scoring.learning", "scipy.optimize"),
    *("tests.activities.effect_world", "tests.activities.pull_world", "tests.activities.crm_world"),
    *("hubspot", "slack_sdk", "simple_salesforce.api", "tests.ledger.paying", "tests.ledger.process"),
):
    importlib.import_module(name)
discovery.workflow_classes()
discovery.activity_classes()
