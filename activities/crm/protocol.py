"""What effects ask of a customer relationship system, and what they hand to it."""

from datetime import date
from typing import Protocol

from contracts.base import Contract


class Task(Contract):
    """A task for somebody, of one deal. `marker`: a line in its text by which it is found again."""

    deal: str
    owner: str
    owner_id: str
    subject: str
    text: str
    due: date
    marker: str


class Crm(Protocol):
    """One system, for the length of one effect. All methods block, and raise CountersignErrors."""

    def task_of(self, deal: str, marker: str) -> str:
        """Where the deal's task with that marker is; empty where there is none."""
        ...

    def make_task(self, task: Task) -> str:
        """Make it. Gives where it is."""
        ...

    def field_of(self, deal: str, field: str) -> str:
        """What is in the deal's field; empty for nothing."""
        ...

    def set_field(self, deal: str, field: str, value: str, marker: str) -> str:
        """Write it. Gives where it is."""
        ...
