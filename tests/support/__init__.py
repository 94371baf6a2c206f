"""Real parts that tests start: servers, repositories, scripted models."""
