"""The support triage workflow's activities and domain logic."""
