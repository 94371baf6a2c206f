"""Which deals to work on today, what to do about each, and what fits into the day. Works without a model."""
