"""Deterministic orchestration: one file a scoped workflow, and the few pieces they share."""
