"""The bug triage workflow's activities and domain logic."""
