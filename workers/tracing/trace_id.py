"""The trace that is being made, for the ledger's entry: so that one leads to the other."""

import sys


def trace_id() -> str:
    """32 hex digits; empty where nothing is traced. A process without OpenTelemetry imports nothing for it."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return ""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""
