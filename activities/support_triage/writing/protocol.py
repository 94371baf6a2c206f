"""What a writer can do, and what it is told."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from activities.effects.ticket_params import TicketParams


@dataclass(frozen=True)
class Signed:
    """An update with who signed it. `key`: the effect's."""

    params: "TicketParams"
    key: str
    run: str
    digest: str
    person: str

    @property
    def mark(self) -> str:
        """The word by which the destination knows that it happened: fit for a tag and a mail's keyword."""
        return f"countersign_{hashlib.sha256(self.key.encode()).hexdigest()[:20]}"

    @property
    def note(self) -> str:
        """The internal note: what was decided, and the drafted answer."""
        wanted = self.params
        found = [f"{name} {value}" for name, value in (("queue", wanted.queue), ("intent", wanted.intent)) if value]
        found += [f"priority {wanted.priority}"] if wanted.priority else []
        found += [f"repeats ticket {wanted.duplicate_of}"] if wanted.duplicate_of else []
        found += [f"part of incident {wanted.incident}"] if wanted.incident else []
        lines = [f"Triage: {', '.join(found) or 'as it was'}. Signed by {self.person}."]
        if wanted.answer:
            cites = f" (after {', '.join(f'ticket {each}' for each in wanted.cites)})" if wanted.cites else ""
            lines += ["", f"Drafted answer{cites}, not sent:", "", wanted.answer]
        return "\n".join([*lines, "", f"Countersign-Run: {self.run}", f"Countersign-Effect: {self.mark}"])


class Writer(Protocol):
    """Raises what `activities.services.web` does; NotFound, DestinationMoved, BadInput."""

    async def happened(self, signed: Signed) -> bool:
        """Whether all of it happened already."""
        ...

    async def write(self, signed: Signed) -> None:
        """Make it happen, so that a second time makes nothing more, wherever the first was cut off."""
        ...
