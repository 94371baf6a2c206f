"""Ticket to pull request: read the ticket, find out how the project is tested, fix, prove, propose."""
