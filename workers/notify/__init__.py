"""Tells people what waits for them, outside the console: a process of its own, with the credentials for that alone.

A plain loop over the outbox and no workflow: it has to speak when Temporal is down, its state is in the ledger's
database already, and no worker should hold these credentials.
"""
