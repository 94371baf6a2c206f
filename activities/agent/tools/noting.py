"""A note to itself: what compaction must not forget."""

from pydantic import Field

from activities.agent.desk import Desk
from activities.agent.tools.tool import Arguments


class NoteArguments(Arguments):
    text: str = Field(min_length=1, max_length=4000)


class Note:
    """Kept word for word when older turns are cut down."""

    name = "note"
    description = "Note something to yourself. Notes are kept word for word when older turns are shortened."
    arguments: type[Arguments] = NoteArguments
    changes = False

    async def use(self, desk: Desk, given: NoteArguments) -> str:
        return "Noted."

    def says(self, given: NoteArguments) -> str:
        return f"note: {' '.join(given.text.split())}"
