"""The baseline's answer to a ticket: what solved the nearest solved ticket, in the words of whoever solved it."""

from activities.support_triage.history import MOST_TEXT, solution
from activities.support_triage.sources import Source
from contracts.support import Item, SimilarTicket


class Drafting:
    """Of one look. Services tell what solved a ticket only if they are asked for it: each is asked for once."""

    def __init__(self, source: Source) -> None:
        self.source, self._known = source, dict[str, str]()

    async def answered(self, each: Item) -> Item:
        """With an answer, and with what solved the ticket that it cites. None for a ticket that is like nothing learnt,
        that repeats another, that was not read to its end, or that a machine has sent."""
        said, ticket = each.triaged, each.ticket
        if said.unlike or said.duplicate_of or ticket.left_out or ticket.automatic:
            return each
        for place, similar in enumerate(said.similar):
            if words := similar.solution or await self._solution(similar):
                told = (
                    *said.similar[:place],
                    similar.model_copy(update={"solution": words}),
                    *said.similar[place + 1 :],
                )
                changes = {"similar": told}
                answer = {"answer": words[:MOST_TEXT], "cites": (similar.id,)}
                return each.model_copy(update={"triaged": said.model_copy(update=changes), **answer})
        return each

    async def _solution(self, similar: SimilarTicket) -> str:
        """Empty where it is of another source than is looked at, or can't be told any more."""
        if not similar.key.startswith(f"{self.source.name}#"):
            return ""
        if similar.id not in self._known:
            self._known[similar.id] = await solution(self.source, similar.id)
        return self._known[similar.id]
