"""The demos: the first five minutes."""

from workers.demo.fixing import demo_fix
from workers.demo.paying import demo_payables
from workers.demo.story import demo

__all__ = ["demo", "demo_fix", "demo_payables"]
