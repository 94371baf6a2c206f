"""What a worker imports, imported once in the process that all workers of a test are forked from."""

import workers.worker
from workers import discovery

__all__ = ["workers"]

discovery.workflow_classes()
discovery.activity_classes()
