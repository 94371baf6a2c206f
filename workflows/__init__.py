"""Deterministic orchestration: one file a scoped workflow, and the few pieces they share."""

from pkgutil import extend_path

# Somebody's own folder (COUNTERSIGN_WORKFLOWS) adds modules to this package, also inside the workflow sandbox.
__path__ = extend_path(__path__, __name__)
