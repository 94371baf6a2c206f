"""Whether a model's answer may be proposed: each check says in a sentence what is wrong, for people and for the model.

Pure and deterministic. None of them relies on the model having heeded its rules: an answer that does what a ticket told
it to fails by what it says, not by why it says it. What they can't tell is in docs/workflows/support_triage.md.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from activities.changelog.grounding import invented, of_texts
from activities.models.fence import RULE
from activities.models.injection import ACTING, REWORD, findings
from activities.support_triage.masking import KINDS, mask
from activities.support_triage.reading import language
from activities.support_triage.wording.promises import broken, numbers
from activities.support_triage.wording.prompt import WORK, Answer, Asking
from activities.support_triage.wording.strays import is_mixed, is_translated, strays
from contracts import shown

FEWEST, LEAST_MOST, MOST = 20, 600, 2_500  # characters
TIMES = 3  # as long as the longest solution that it stands on
TELLING = 60  # characters of a ticket from which on its language is told well enough to refuse another
RUN = 8  # words in a row that are nobody's by chance

_LINK = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,15}:/{1,2}[^\s<>)\]]+|\bwww\.[^\s<>)\]]+|\b[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}\b(?:/\S*)?|"
    r"(?<!\w)@\w[\w.-]+|\b\w+[ (\[]{1,2}dot[ )\]]{1,2}\w+",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"[$€£¥₹]\s?\d[\d.,]*|\d[\d.,]*\s?(?:[$€£¥₹%]|(?:USD|EUR|GBP|CHF|INR|dollars?|euros?|pounds?|francs?|percent|"
    r"per cent|prozent|pour ?cent|por ciento)\b)",
    re.IGNORECASE,
)
_CODE = re.compile(r"\b[A-Z]{4,}\b")  # such as of a voucher
_LISTED = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*•])\s", re.MULTILINE)
_BLANK = re.compile(r"\[[^\]\n]{0,60}\]?|\{\{|<[^>\n]{1,40}>|_{3,}")
_MARKUP = re.compile(r"</?[a-z!][^>\n]*>|\]\(|!\[|```|^#{1,6} |\*\*", re.IGNORECASE | re.MULTILINE)
_ITSELF = re.compile(
    r"\b(?:as an? (?:ai|assistant|language model)|language model|system prompt|my (?:instructions|rules|prompt)|"
    r"these (?:instructions|rules) say|<<<|als (?:ki|sprachmodell)|en tant qu['’]ia|como (?:una? )?ia)\b|<<<|>>>",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def problems(answer: Answer, asking: Asking) -> list[str]:
    """What is wrong with it; nothing: it may be proposed."""
    cited = [each for each in asking.sources if each.id in answer.cites]
    if not answer.cites or len(cited) != len(set(answer.cites)):
        known = ", ".join(each.id for each in asking.sources)
        return [f"It has to cite solutions that it was given, and nothing else: {known}."]
    text, solutions = answer.answer, "\n".join(each.solution for each in cited)
    return [
        *_form(text, [each.solution for each in cited]),
        *_private(text, asking, solutions),
        *_unfounded(text, asking, solutions),
        *broken(text, solutions),
        *_foreign(text, asking, solutions),
        *(strays(text, asking.ticket, solutions) if not is_translated(text, solutions) else ()),
    ]


def _form(text: str, solutions: Sequence[str]) -> Iterator[str]:
    most = min(MOST, max(LEAST_MOST, TIMES * max(map(len, solutions))))
    if not FEWEST <= len(text) <= most:
        yield f"It has {len(text):,} characters, and may have {FEWEST} to {most:,}."
    if _MARKUP.search(text) and not any(_MARKUP.search(each) for each in solutions):
        yield "It has markup: plain text only."
    if shown.spelt(text) != text:
        yield "It has invisible characters."
    if any(is_mixed(each) for each in _WORD.findall(text)):
        yield "It has words of letters that only look like others."


def _private(text: str, asking: Asking, solutions: str) -> Iterator[str]:
    """Personal data, blanks that nobody left, and other customers' tickets."""
    if found := mask(text).kinds:
        yield f"It has what looks like personal data: {', '.join(found)}."
    there = f"{asking.ticket}\n{solutions}"
    masks = {f"[{kind}]" for kind in KINDS.values() if f"[{kind}]" in there}
    blanks = [each for each in _BLANK.findall(text) if each not in masks and each not in solutions]
    if blanks:
        yield f"It leaves a blank: {blanks[0]}."
    if any(re.search(rf"(?:ticket|case|#)\s*{re.escape(each.id)}\b", text, re.IGNORECASE) for each in asking.sources):
        yield "It names another customer's ticket."


def _unfounded(text: str, asking: Asking, solutions: str) -> Iterator[str]:
    """Links, amounts and numbers that it has from nowhere, or from the customer alone."""
    known, plain = of_texts([solutions]), _LISTED.sub("", unicodedata.normalize("NFKC", text).replace("。", "."))
    squeezed = re.sub(r"\s", "", solutions.casefold())
    links = [each for each in _LINK.findall(plain) if each.rstrip(".,:;").casefold() not in known]
    amounts = [each for each in _AMOUNT.findall(plain) if re.sub(r"\s", "", each.casefold()) not in squeezed]
    short = numbers(plain) - numbers(solutions)
    # A long number is the customer's own order or invoice: it may be repeated. A short one is a deadline or a price.
    short -= {each for each in numbers(asking.ticket) if len(each) > 2}
    others = [each for each in invented(plain, of_texts([solutions, asking.ticket])) if each not in links]
    others += [each for each in _CODE.findall(text) if each.casefold() not in known]
    others = [each for each in others if not each.isdecimal()]  # told in words there, perhaps: `short` has judged them
    if links:
        yield f"It has a link or an address that no ticket that it cites has: {links[0][:80]}."
    if amounts:
        yield f"It has an amount that no ticket that it cites has: {amounts[0][:40]}."
    elif short:
        yield f"It has a number that no ticket that it cites has: {min(short)}."
    elif others:
        yield f"It has a fact that neither the ticket nor those that it cites have: {others[0][:80]}."


def _foreign(text: str, asking: Asking, solutions: str) -> Iterator[str]:
    """Another language, or somebody else's words: the customer's, the rules', or none that solved anything."""
    wanted, spoken = asking.item.triaged.language, language(text)
    if wanted and spoken and spoken != wanted and len(asking.ticket) >= TELLING:
        yield f"It is in {spoken!r}, and the ticket in {wanted!r}."
    runs = _runs(text)
    if runs & (_runs(asking.ticket) - _runs(solutions)):
        yield "It repeats the customer's words at length."
    if runs & _runs(f"{WORK}\n{RULE}") or _ITSELF.search(text):
        yield "It speaks of its rules or of itself."
    spoken_to = [each for each in findings(text) if each.what not in (ACTING, REWORD)]
    if spoken_to and not findings(solutions):
        yield f"It speaks to a machine: {spoken_to[0].quote[:80]}"


def _runs(text: str) -> set[tuple[str, ...]]:
    words = [each.casefold() for each in _WORD.findall(text)]
    return {tuple(words[place : place + RUN]) for place in range(len(words) - RUN + 1)}
