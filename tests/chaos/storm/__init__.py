"""A storm: worker, effects' process, database and Temporal server killed at random moments, under load.

Afterwards each run has ended as it was signed, each effect is there once, the ledger verifies, and between it and
Temporal's histories there is no gap and nothing twice. `python -m tests.chaos.storm --kills 500 --seed 1`.
"""
