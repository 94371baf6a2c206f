"""Webhooks: a delivery that a service signed starts a run. `hooks.toml` says of which workflow, on what input."""
