"""What every provider does, tried against the real thing: one suite for all of them."""
