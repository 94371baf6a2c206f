"""How a signed update reaches a ticket, for each source."""
