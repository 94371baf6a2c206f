"""Sandboxes at a third party: Daytona, by its own SDK. Off unless an operator and a policy both say so.

A repository that goes in leaves the house: docs/hosted-sandboxes.md says what is held there and what is not.
"""

from sandboxes.hosted.options import Options
from sandboxes.hosted.probe import findings
from sandboxes.hosted.provider import Daytona

__all__ = ["Daytona", "Options", "findings"]
