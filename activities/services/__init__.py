"""Services on the web: GitHub, Linear, Jira. Each at the address that the operator names, and nowhere else."""

from activities.services.service import Service, Services

__all__ = ["Service", "Services"]
