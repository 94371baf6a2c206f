"""All that is said of a ticket before a person sees it, from the history of one team.

    desk = Desk.fit(examples, encoder=best(folder))
    desk.triage(tickets, already_open)   # a `Triaged` for each
    desk.learn(example)                  # at once
    desk.bursts(tickets, now)            # incidents among the newest

Tickets and examples have to be masked (`masking.mask`) before they come here.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from threadpoolctl import threadpool_limits

from activities.support_triage.bursts import Burst, bursts, closeness, duplicates
from activities.support_triage.encoders import Encoder, Matrix, Say, quiet
from activities.support_triage.reading import language, priority, sentiment
from activities.support_triage.triager import Decision, Triager
from contracts.support import PRIORITIES, Example, Guess, Priority, SimilarTicket, SupportTicket, Triaged

SIMILAR = 3  # solved tickets that are named
CANDIDATES = 30  # nearest ones that they are chosen from
LIKE = 0.6  # part of the way from unlike to similar, below which a solved ticket isn't named
HARDLY = 0.1  # of a cosine, by which another solved ticket may be nearer than one that a reviewer answered
USUAL = 5  # tickets of an intent from which its usual priority is told


@dataclass
class Desk:
    """`kept`: what the triager was fitted on, and what it learnt since, in its order. `close`: what similar means."""

    triager: Triager
    kept: list[Example]
    close: float
    queues: dict[str, Counter[str]] = field(default_factory=dict)
    priorities: dict[str, Counter[str]] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        examples: Sequence[Example],
        times: Sequence[float] = (),
        *,
        encoder: Encoder | None = None,
        say: Say = quiet,
    ) -> "Desk":
        """From a history, oldest first where there are no `times`. BadInput where there is nothing to learn from.

        Where most have no intent, the queue is what is learnt.
        """
        is_queue = by_queue(examples)
        labels = [label_of(example, is_queue) for example in examples]
        at = list(times) or [float(place) for place in range(len(examples))]
        triager = Triager.fit([example.text for example in examples], labels, at, encoder=encoder, say=say)
        kept = _in_order(triager.texts, examples)
        near = triager.members.near
        desk = cls(triager, kept, closeness(near.vectors, near.labels))
        for example, label in zip(examples, labels, strict=True):
            desk.count(example, label)
        return desk

    def count(self, example: Example, label: str) -> None:
        """Remember where a ticket of this label went, and how urgent it was."""
        if example.queue:
            self.queues.setdefault(label, Counter())[example.queue] += 1
        if example.priority in PRIORITIES:
            self.priorities.setdefault(label, Counter())[example.priority] += 1

    @cached_property
    def by_queue(self) -> bool:
        """Whether what it guesses are queues, for want of intents."""
        return by_queue(self.kept)

    def learn(self, example: Example) -> None:
        """Take in one example: what a reviewer corrected, or a ticket that was solved."""
        self.learn_all([example])

    def learn_all(self, examples: Sequence[Example]) -> None:
        """Take them in, all at once. One without a label or words is passed over."""
        found = [(each, label) for each in examples if (label := label_of(each, self.by_queue)) and each.text.strip()]
        if not found:
            return
        self.triager.learn_all([each.text for each, _ in found], [label for _, label in found])
        for each, label in found:
            self.kept.append(each)
            self.count(each, label)

    def with_examples(self, examples: Sequence[Example]) -> "Desk":
        """Another that has learnt these, too: whoever reads this one meanwhile is not disturbed."""
        triager = replace(self.triager, texts=[*self.triager.texts], intents=[*self.triager.intents])
        made = replace(
            self,
            triager=triager,
            kept=[*self.kept],
            queues={name: Counter(each) for name, each in self.queues.items()},
            priorities={name: Counter(each) for name, each in self.priorities.items()},
        )
        made.__dict__["by_queue"] = self.by_queue  # what it guesses is as it was fitted, whatever it learns
        made.learn_all(examples)
        return made

    def triage(self, tickets: Sequence[SupportTicket], already_open: Sequence[SupportTicket] = ()) -> list[Triaged]:
        """What is found out about each. A duplicate may be of one in `already_open`, or of an earlier of `tickets`."""
        texts = [ticket.words for ticket in tickets]
        read = self.triager.read(texts)
        others = self.triager.encoder.encode([ticket.words for ticket in already_open])
        decisions = self.triager.decide_read(read)
        similar = self._similar(read.vectors, [each.guesses[0].label for each in decisions])
        same = self._same(tickets, read.vectors, already_open, others)
        return [
            self._triaged(ticket, decision, tuple(alike), same.get(ticket.key, ""))
            for ticket, decision, alike in zip(tickets, decisions, similar, strict=True)
        ]

    def _triaged(
        self, ticket: SupportTicket, said: Decision, similar: tuple[SimilarTicket, ...], duplicate_of: str
    ) -> Triaged:
        spoken = language(ticket.words)
        likeliest = said.guesses[0].label
        urgency, why = priority(ticket.words, spoken, ticket.tags, self._usual(likeliest))
        return Triaged(
            intents=() if self.by_queue else said.guesses,
            queues=said.guesses if self.by_queue else self._queues(said.guesses),
            confident=said.confident,
            unlike=said.unlike,
            why=said.why,
            priority=urgency,
            priority_why=why,
            language=spoken,
            sentiment=sentiment(ticket.words, spoken),
            similar=similar,
            duplicate_of=duplicate_of,
        )

    def _queues(self, intents: Sequence[Guess]) -> tuple[Guess, ...]:
        """The two likeliest: each intent's tickets went where its tickets went before."""
        shares: Counter[str] = Counter()
        for guess in intents:
            went = self.queues.get(guess.label, Counter())
            for queue, count in went.items():
                shares[queue] += guess.probability * count / went.total()  # type: ignore[assignment]
        return tuple(Guess(label=queue, probability=min(share, 1.0)) for queue, share in shares.most_common(2))

    def _usual(self, intent: str) -> Priority:
        counts = self.priorities.get(intent, Counter())
        found = counts.most_common(1)[0][0] if counts.total() >= USUAL else "normal"
        return next((each for each in PRIORITIES if each == found), "normal")

    def _similar(self, vectors: Matrix, labels: Sequence[str]) -> list[list[SimilarTicket]]:
        """Solved tickets that are like each, those with a solution and the label that it likely has first."""
        if not len(vectors):
            return []
        places, alike = self.triager.members.near.nearest(vectors, CANDIDATES)
        found = []
        for row, scores, label in zip(places, alike, labels, strict=True):
            pairs = [(self.kept[place], float(score)) for place, score in zip(row, scores, strict=True)]
            pairs = [(example, score) for example, score in pairs if score >= LIKE * self.close]
            found.append([_named(*pair) for pair in self._ranked(pairs, label)[:SIMILAR]])
        return found

    def _ranked(self, pairs: Sequence[tuple[Example, float]], label: str) -> list[tuple[Example, float]]:
        """What answers best first: of each kind the nearest. A reviewer's words go before others that are hardly
        nearer; what is like it in its words alone, and was about something else, goes last of the solved ones."""
        mine = {each.key for each, _ in pairs if label_of(each, self.by_queue) == label}
        best = max((score for each, score in pairs if each.solution and each.key in mine), default=0.0)

        def rank(pair: tuple[Example, float]) -> tuple[bool, bool, bool, float]:
            each, score = pair
            return not each.solution, each.key not in mine, not each.taught or score < best - HARDLY, -score

        return sorted(pairs, key=rank)

    def _same(
        self, tickets: Sequence[SupportTicket], vectors: Matrix, opened: Sequence[SupportTicket], others: Matrix
    ) -> dict[str, str]:
        """By a ticket's key the id of an earlier one that says the same."""
        pool, rows = [*opened, *tickets], np.vstack([others, vectors])
        with threadpool_limits(1):
            alike = vectors @ rows.T
        for place, ticket in enumerate(tickets):  # itself, and what came after it, are out of the question
            alike[place, len(opened) + place :] = -1
            alike[place, [p for p, other in enumerate(opened) if other.key == ticket.key]] = -1
        same = duplicates(alike, [ticket.words for ticket in tickets], [ticket.words for ticket in pool])
        return {ticket.key: pool[p].id for ticket, p in zip(tickets, same, strict=True) if p >= 0}

    def bursts(self, tickets: Sequence[SupportTicket], now: float) -> list[Burst]:
        """Incidents among tickets of the last days or weeks, by places in `tickets`. One without a time is left out."""
        timed = [place for place, ticket in enumerate(tickets) if ticket.created_at is not None]
        times = [at.timestamp() for place in timed if (at := tickets[place].created_at) is not None]
        vectors = self.triager.encoder.encode([tickets[place].words for place in timed])
        found = bursts(vectors, times, self.close, now)
        return [
            Burst(tuple(timed[p] for p in each.places), each.first, each.last, each.expected, each.chance)
            for each in found
        ]


def by_queue(examples: Sequence[Example]) -> bool:
    """Whether most have no intent."""
    return 2 * sum(bool(example.intent) for example in examples) < len(examples)


def label_of(example: Example, is_queue: bool) -> str:
    """What is learnt from it."""
    return example.queue if is_queue else example.intent


def _in_order(texts: Sequence[str], examples: Iterable[Example]) -> list[Example]:
    """The examples of the texts that were kept, in their order. Of those that say the same any will do, each once."""
    by_text: dict[str, list[Example]] = {}
    for example in examples:
        by_text.setdefault(example.text, []).append(example)
    return [by_text[text].pop(0) for text in texts]


def _named(example: Example, score: float) -> SimilarTicket:
    return SimilarTicket(
        key=example.key,
        id=example.id,
        subject=example.subject,
        solution=example.solution,
        url=example.url,
        score=min(max(score, 0.0), 1.0),
        taught=example.taught,
    )
