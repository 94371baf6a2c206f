"""Payables timing: what is read, what is held, when to pay what, and the payment file."""
