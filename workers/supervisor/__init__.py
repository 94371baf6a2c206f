"""Several processes in one terminal: kept running, and never left behind."""

from workers.supervisor import children
from workers.supervisor.child import Child, Plan, answers, says_ready
from workers.supervisor.output import Terminal
from workers.supervisor.supervisor import Supervisor, until_told

__all__ = ["Child", "Plan", "Supervisor", "Terminal", "answers", "children", "says_ready", "until_told"]
