"""The demos: the first five minutes."""

from workers.demo.dealing import demo_deals
from workers.demo.fixing import demo_fix
from workers.demo.paying import demo_payables
from workers.demo.story import demo
from workers.demo.supporting import demo_support
from workers.demo.triaging import demo_bugs

__all__ = ["demo", "demo_bugs", "demo_deals", "demo_fix", "demo_payables", "demo_support"]
