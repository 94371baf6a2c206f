"""OpenTelemetry traces for those who have a collector (docs/traces.md). Where none is set, nothing of it is imported.

Nothing here waits for the collector: spans go to a queue in memory, a thread sends them, and a full queue drops them.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from activities.models import Tiers
from contracts.errors import BadInput
from ledger import ArtifactStore
from workers.settings import Settings

if TYPE_CHECKING:
    from workers.tracing.spans import Sending

STOP_SECONDS = 2.0  # that the end of a process waits for its last spans to be taken


@dataclass(frozen=True)
class Tracing:
    """A process' traces: `plugins` are for its Temporal client, which hands them to its workers."""

    plugins: Sequence[Any] = ()
    sending: "Sending | None" = field(default=None, repr=False)

    def models(self, tiers: Tiers | None) -> Tiers | None:
        """The same models, with a span for each call."""
        if self.sending is None or tiers is None:
            return tiers
        from workers.tracing.spans import traced

        return Tiers(traced(tiers.small), traced(tiers.large) if tiers.large else None)

    def stop(self) -> None:
        """Send what there is, for a moment at most."""
        if self.sending is not None:
            last = threading.Thread(target=self.sending.shutdown, daemon=True)
            last.start()
            last.join(STOP_SECONDS)


def start(settings: Settings, kind: str, artifacts: ArtifactStore) -> Tracing:
    """Traces of a worker of this kind, where the settings name a collector. BadInput without the libraries."""
    if not settings.traces:
        return Tracing()
    try:
        from workers.tracing import spans
    except ImportError as error:
        raise BadInput(
            f"Traces can't be sent to {settings.traces}: OpenTelemetry's libraries are not installed.",
            subject="COUNTERSIGN_TRACES",
            way_out="Install countersign-platform[otel], or take the setting away.",
        ) from error
    sending = spans.sending(settings.traces, f"countersign-{kind}")
    return Tracing(plugins=spans.plugins(artifacts), sending=sending)
