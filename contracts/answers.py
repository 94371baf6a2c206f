"""Drafted answers of support triage, worded by a model: what goes from step to step. Bodies lie in the artifact store.

A reply is untrusted until it was checked, and a checked one is still only a draft that a person reads and signs.
"""

from pydantic import Field

from contracts.base import Contract
from contracts.budgets import Spender
from contracts.policy import Route
from contracts.proposal import Cost

MOST_WORDED = 20  # answers of one case that a model words; the others stay as they are


class WordAnswers(Contract):
    """Let a model word the answers that the baseline has drafted for `case`. `words`: what reviewers asked for."""

    case: str
    words: tuple[str, ...] = ()
    spender: Spender
    route: Route = Route()


class WordedAnswer(Contract):
    """One answer that a model was asked to word. `text` empty: the baseline's stands, and `why` tells why;
    else `why` is what to look at in it.

    `cites`: ids of the solved tickets that it stands on. `model`: who was asked.
    """

    ticket: str
    text: str = ""
    cites: tuple[str, ...] = ()
    model: str = ""
    why: str = ""


class WordedAnswers(Contract):
    """All that were tried for a case."""

    answers: tuple[WordedAnswer, ...] = ()


class Worded(Contract):
    """`answers` is the artifact of WordedAnswers; empty: no model was asked, and every baseline's answer stands."""

    answers: str = ""
    cost: Cost = Cost()
    fallback: str = Field(default="", description="why no model's words are in it, though there is a model")
