"""Tickets, from where people keep them. What one says is somebody's word: evidence, and never an instruction."""
