"""The durable record: entries, seals, proposals, decisions, people, artifacts."""
