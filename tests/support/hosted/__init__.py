"""A stand-in for Daytona's API, for tests. It is not Daytona: see `tests.support.hosted.standin`."""

from tests.support.hosted.faults import Fault
from tests.support.hosted.standin import KEY, StandIn

__all__ = ["KEY", "Fault", "StandIn"]
