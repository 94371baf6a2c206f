"""Attempts to get out of a sandbox, each with the one protection that stops it, and what happens without it."""
