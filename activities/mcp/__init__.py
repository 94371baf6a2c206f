"""MCP servers, whose read-only tools an agent may be given: how they are reached, what they offer, what they answer.

Nothing of a server is believed: it may be dead, slow, broken, or against us. docs/agents.md.
"""
