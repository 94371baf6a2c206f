"""Learns from tickets whose intent is known, and guesses that of others; says when it doesn't know.

    triager = Triager.fit(texts, intents, times, encoder=best(folder))
    triager.certified.serves, triager.certified.why_not
    triager.decide(texts)[0].guesses, .confident, .why
    triager.learn(text, intent)         # at once; a new intent from its first examples
    triager.similar(texts, 5)           # places of the nearest examples, and cosines

Pure, and the same texts give the same model. Texts are to be masked before they come here: the model keeps them.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from activities.support_triage.confidence import Mixture, Said, Vector, threshold
from activities.support_triage.encoders import Encoder, Matrix, Say, WordVectors, quiet
from activities.support_triage.members import Members, Read, cross_fitted
from activities.support_triage.words import Labels, Terms
from contracts.errors import BadInput
from contracts.support import Certified, Guess

CODE = "triager-3"  # changes when the same texts would give another model
PRECISION = 0.97  # of what is answered rather than handed over
FEWEST = 20  # texts with an intent below which there is nothing to learn
MOST = 20_000  # texts that a model is fitted on: the newest of each intent
MOST_CROSSED = 12_000  # of these that weights, probabilities and the threshold are told from
MOST_LEARNT = 20_000  # examples that are taken in between two fits
LATER = 0.2  # share of the history that came last, on which it is judged
SAFELY = 2.0  # standard errors by which the precision has to be kept on held-out tickets, so that it is on others
CLEARLY = 2.0  # standard errors by which the commonest intent has to be beaten
STRANGE = 0.005  # share of tickets that are less like any example than this: what is further off is never answered
NEW_WEIGHT = 10.0  # of each example of a new intent: it has few against thousands of others


@dataclass(frozen=True)
class Decision:
    """`guesses`: the two likeliest. `confident`: may be answered; else a person decides, and `why` says why.

    `unlike`: so far from all that was learnt that probabilities, which hold among tickets like those, say nothing.
    """

    guesses: tuple[Guess, ...]
    confident: bool
    why: str
    unlike: bool = False


@dataclass
class Triager:
    """Not safe to share by threads while it learns."""

    encoder: Encoder
    intents: list[str]
    texts: list[str]
    terms: Terms
    members: Members
    mixture: Mixture
    certified: Certified
    fitted: int = 0  # intents that it was fitted on; those beyond are new
    _stale: bool = field(default=False, repr=False)

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        intents: Sequence[str],
        times: Sequence[float] = (),
        *,
        encoder: Encoder | None = None,
        precision: float = PRECISION,
        say: Say = quiet,
    ) -> "Triager":
        """Fit, calibrate and judge. BadInput where the lists have other lengths, or there is nothing to learn from.

        `times` orders the texts; without them it is judged on held-out ones of the same time. `say`: how far it is.
        """
        encoder = encoder or WordVectors()
        data = digest(texts, intents, times, encoder.name)
        kept = _kept(texts, intents, times)
        names = sorted({intents[place] for place in kept})
        labels = np.array([names.index(intents[place]) for place in kept], np.int64)
        kept_texts = [texts[place] for place in kept]
        terms = Terms.of(kept_texts)
        read = Read(terms.of_texts(kept_texts), encoder.encode(kept_texts, say))
        some = np.array(_newest(range(len(kept)), [names[label] for label in labels], MOST_CROSSED), np.int64)
        said = cross_fitted(read.part(some), labels[some], len(names), say)
        mixture = Mixture.fit(said, labels[some])
        certified = _certified(mixture, said, labels[some], precision).model_copy(
            update={"data": data, "encoder": encoder.name, "rows": len(texts), "used": len(labels)}
        )
        if times and len({times[place] for place in kept}) > 1:
            certified = _judged(certified, read, labels, mixture, say)
        say(f"learning from all {len(kept):,}")
        members = Members.fit(read, labels, len(names))
        return cls(encoder, names, kept_texts, terms, members, mixture, _worth(certified), len(names))

    def read(self, texts: Sequence[str], say: Say = quiet) -> Read:
        """The texts as the members read them."""
        return Read(self.terms.of_texts(texts), self.encoder.encode(texts, say))

    def decide(self, texts: Sequence[str]) -> list[Decision]:
        """A decision for each."""
        return self.decide_read(self.read(texts)) if texts else []

    def decide_read(self, read: Read) -> list[Decision]:
        """As `decide`, of texts that were read already."""
        if not len(read):
            return []
        self._refresh()
        said = self.members.said(read)
        pairs = zip(self.mixture.shares(said, self._lift()), said.nearest, strict=True)
        return [self._decision(shares, float(nearest)) for shares, nearest in pairs]

    def _lift(self) -> Vector:
        """New intents have few examples since they are new, not since they are rare: each counts as common."""
        counts = np.bincount(self.members.near.labels, minlength=len(self.intents))
        lift = np.log(np.median(counts[: self.fitted]) / np.maximum(counts, 1))
        lift[: self.fitted] = 0.0
        return np.maximum(lift, 0.0)

    def _decision(self, shares: Matrix, nearest: float) -> Decision:
        order = np.argsort(-shares, kind="stable")[:2]
        guesses = tuple(Guess(label=self.intents[each], probability=float(shares[each])) for each in order)
        doubt = self._doubt(guesses, nearest, is_new=bool(order[0] >= self.fitted))
        confident = not doubt and guesses[0].probability >= self.certified.threshold
        unlike = nearest < self.certified.near
        return Decision(guesses, confident, doubt or self._why(guesses, confident), unlike)

    def _doubt(self, guesses: Sequence[Guess], nearest: float, is_new: bool) -> str:
        """Why it can't be answered whatever the probability; empty: it can."""
        if not self.certified.serves:
            return self.certified.why_not
        if nearest < self.certified.near:
            return f"Like no ticket that was learnt from; nearest to {' and '.join(each.label for each in guesses)}."
        if is_new:  # its probability was held against nothing yet
            return f"{guesses[0].label} is new: it is answered once the model was fitted with it."
        return ""

    def _why(self, guesses: Sequence[Guess], confident: bool) -> str:
        first = guesses[0]
        if confident:
            return f"{first.probability:.0%} sure; from {self.certified.threshold:.0%} on it is answered."
        other = f", or else {guesses[1].label}" if len(guesses) > 1 else ""
        return f"Only {first.probability:.0%} sure that it is {first.label}{other}."

    def learn(self, text: str, intent: str) -> None:
        """Take in one example. A new intent is known from now on."""
        self.learn_all([text], [intent])

    def learn_all(self, texts: Sequence[str], intents: Sequence[str]) -> None:
        """Take in examples. BadInput where there are more than one model takes in before it is fitted anew."""
        if len(self.texts) + len(texts) > MOST + MOST_LEARNT:
            raise BadInput(
                f"{len(self.texts):,} examples are as many as this model holds.",
                subject="examples",
                way_out="Fit it anew: that keeps the newest of each intent.",
            )
        self.intents.extend(dict.fromkeys(each for each in intents if each not in self.intents))
        labels = np.array([self.intents.index(each) for each in intents], np.int64)
        near = self.members.near.with_examples(self.encoder.encode(texts), labels, len(self.intents))
        self.texts.extend(texts)
        self.members = replace(self.members, near=near)
        self._stale = self._stale or bool((labels >= self.fitted).any())

    def _refresh(self) -> None:
        """Give each new intent its lines, from all examples there are."""
        if not self._stale:
            return
        near, old = self.members.near, self.fitted
        members = Members(
            replace(self.members.words, lines=self.members.words.lines[:old]),
            replace(self.members.head, lines=self.members.head.lines[:old]),
            near,
        )
        read = Read(self.terms.of_texts(self.texts), near.vectors)
        for label in range(old, len(self.intents)):
            members = members.with_label(read, near.labels, label, NEW_WEIGHT)
        self.members, self._stale = members, False

    def similar(self, texts: Sequence[str], most: int = 5) -> tuple[Labels, Matrix]:
        """For each text the places (in `texts`) of its nearest examples, the nearest first, and their cosines."""
        return self.members.near.nearest(self.encoder.encode(texts), most)


def digest(texts: Sequence[str], intents: Sequence[str], times: Sequence[float], encoder: str) -> str:
    """The sha256 of training data: the same in the same order gives the same one. BadInput: lists of other lengths."""
    if len(texts) != len(intents) or (times and len(times) != len(texts)):
        raise BadInput(
            f"{len(texts):,} texts came with {len(intents):,} intents and {len(times):,} times.",
            subject="texts",
            way_out="Give one intent, and one time or none at all, for each text.",
        )
    found = hashlib.sha256(json.dumps([CODE, encoder]).encode())
    for place, text in enumerate(texts):
        time = float(times[place]) if times else None
        found.update(json.dumps([text, intents[place], time]).encode() + b"\n")
    return found.hexdigest()


def _kept(texts: Sequence[str], intents: Sequence[str], times: Sequence[float]) -> list[int]:
    """Places of the texts that it is fitted on, in order of time: those with words and an intent, not too many."""
    places = [place for place, text in enumerate(texts) if text.strip() and intents[place].strip()]
    if times:
        places.sort(key=lambda place: times[place])
    names = {intents[place] for place in places}
    if len(places) < FEWEST or len(names) < 2:
        raise BadInput(
            f"{len(places):,} tickets with {len(names):,} different intents are nothing to learn from.",
            subject="history",
            way_out=f"It takes {FEWEST} solved tickets that have words and an intent or queue, and two different ones.",
        )
    return _newest(places, intents, MOST)


def _newest(places: Sequence[int], intents: Sequence[str], most: int) -> list[int]:
    """The newest of each intent: as many of each as fit, so that a rare one keeps all it has."""
    if len(places) <= most:
        return list(places)
    counts: dict[str, int] = {}
    ranks = []
    for place in reversed(places):
        counts[intents[place]] = counts.get(intents[place], 0) + 1
        ranks.append((counts[intents[place]], place))
    chosen = sorted(ranks)[:most]
    inside = {place for _, place in chosen}
    return [place for place in places if place in inside]


def _certified(mixture: Mixture, said: Said, labels: Labels, precision: float) -> Certified:
    """How it does on texts that it was not fitted on."""
    shares = mixture.shares(said)
    sure, right = shares.max(1), shares.argmax(1) == labels
    line = threshold(sure, right, precision, SAFELY)
    return Certified(
        code=CODE,
        used=len(labels),
        intents=shares.shape[1],
        precision=precision,
        threshold=line,
        near=float(np.quantile(said.nearest, STRANGE)),
        accuracy=float(right.mean()),
        answered=float((sure >= line).mean()),
        base=float(np.bincount(labels).max() / len(labels)),
    )


def _judged(certified: Certified, read: Read, labels: Labels, mixture: Mixture, say: Say) -> Certified:
    """Hold what models of the earlier texts say against the later ones; the threshold is as strict as either needs."""
    cut = int(len(labels) * (1 - LATER))
    before, after = np.arange(cut), np.arange(cut, len(labels))
    say(f"judging on the latest {len(after):,}: learning from the {cut:,} before")
    count = certified.intents
    shares = mixture.shares(Members.fit(read.part(before), labels[before], count).said(read.part(after)))
    right: NDArray[np.bool_] = shares.argmax(1) == labels[after]
    line = certified.threshold
    if len(after) >= 200:
        line = max(line, threshold(shares.max(1), right, certified.precision))
    answered = shares.max(1) >= line
    return certified.model_copy(
        update={
            "later": len(after),
            "threshold": line,
            "accuracy": float(right.mean()),
            "answered": float(answered.mean()),
            "base": float((np.bincount(labels[before], minlength=count).argmax() == labels[after]).mean()),
        }
    )


def _worth(certified: Certified) -> Certified:
    """Refused where it doesn't clearly beat the answer that is commonest."""
    rows = certified.later or certified.used
    error = (certified.accuracy * (1 - certified.accuracy) / rows + certified.base * (1 - certified.base) / rows) ** 0.5
    if certified.accuracy > certified.base + CLEARLY * error:
        return certified
    why = (
        f"Not predictable from these words: right for {certified.accuracy:.0%} of {rows:,} tickets, "
        f"and the commonest intent alone for {certified.base:.0%}."
    )
    return certified.model_copy(update={"why_not": why})
