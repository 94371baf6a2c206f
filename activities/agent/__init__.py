"""What an agent is given: a model to ask, tools to use in its machine, and a memory of the talk so far."""
