"""`countersign demo`: the first five minutes."""

from workers.demo.story import demo

__all__ = ["demo"]
