"""What ranking asks of a model, whichever it is."""

from collections.abc import Mapping
from typing import Protocol

from contracts.deals import Book, Scored


class Scorer(Protocol):
    """A trained model of deals."""

    def score(self, book: Book) -> Mapping[str, Scored]:
        """The chance of each open deal of the book, by its id, with exact contributions, the largest first.

        Pure: the same book and model give the same answer. A deal that it can't say anything of is left out.
        """
        ...


class NoModel:
    """Serves where no model does: it knows the chance of nothing."""

    def score(self, book: Book) -> Mapping[str, Scored]:
        return {}
