"""Sentences of an answer that don't come from what it cites, told by their words: where both are in one language.

Each sentence has to be made mostly of words of the cited solutions. The ticket's own words neither help nor harm, so
that a sentence may name what it is about; a clause that has nothing of the solutions fails, unless it is a courtesy.
"""

import importlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache

from activities.support_triage.reading import language
from activities.support_triage.wording.promises import is_no

SHARE = 0.5  # of a sentence's words that count
STEM = 5  # letters by which two forms of a word are the same
_SENTENCE = re.compile(r"[^.!?\n。؟]+")
_CLAUSE = re.compile(r"[,;:]|\b(?:and|or|but|so|und|oder|aber|et|ou|mais|y|o|pero|e|ma|en|of|maar)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{3,}(?:['’][^\W\d_]+)?")
_CALENDAR = """
janua febru march april june july augus septe octob novem decem monda tuesd wedne thurs frida satur sunda
märz juni juli oktob dezem monta diens mittw donne freit samst sonnt
janvi févri mars avril juin juill août décem lundi mardi mercr jeudi vendr samed diman
enero febre marzo abril junio julio agost octub lunes marte miérc jueve viern sábad domin
"""
CALENDAR = frozenset(_CALENDAR.split())
_COURTESY = """
hello sorry thank thanks pleas hope helps help happy glad know quest furth anyth patie incon apolo regar under welco
assis wish best kind dear reach need let
hallo danke gerne leide bitte grüße freun helfe frage melde entsc
bonjo merci désol veuil cordi aider hola graci disculp disc sient salud ayuda pregu ciao grazi spiac salut aiuta doman
olá obrig descu ajuda
"""
COURTESY = frozenset(_COURTESY.split())


COURTEOUS = re.compile(  # how a sentence begins that may be in the answerer's own words, a few of them
    r"^\W*(?:(?:i|we)(?:['’]m| am| are|['’]re) (?:very |so )?sorry|sorry|thank you for|thanks for|"
    r"es tut (?:uns|mir) leid|(?:vielen )?dank(?:e)? für|merci (?:de|pour)|(?:je suis|nous sommes) désol|gracias por|"
    r"(?:lo )?sentimos|lamentamos|grazie per|ci dispiace|obrigad[oa] por)\b",
    re.IGNORECASE,
)
FEW = 2


def is_translated(text: str, solutions: str) -> bool:
    """Whether their words can't be compared: both are of a known language, and of two."""
    one, other = language(text), language(solutions)
    return bool(one and other and one != other)


def strays(text: str, ticket: str, solutions: str) -> Iterator[str]:
    """The first sentence that says what the solutions don't, or says no where they say yes."""
    spoken = language(text) or language(solutions) or "en"
    known, asked = stems(solutions, spoken), stems(ticket, spoken)
    theirs = [(stems(each, spoken), is_no(each)) for each in _SENTENCE.findall(solutions)]
    for sentence in _SENTENCE.findall(text):
        if COURTEOUS.match(sentence) and len(stems(sentence, spoken) - known - asked - COURTESY) <= FEW:
            continue
        told = " ".join(sentence.split())[:100]
        said = stems(sentence, spoken)
        if not said <= COURTESY and turned(said, is_no(sentence), theirs):
            yield f"It turns round what the tickets that it cites say: “{told}”. Keep to their yes and no."
            return
        clauses = [stems(each, spoken) for each in _CLAUSE.split(sentence)]
        longer = [each for each in clauses if len(each - known - asked) >= FEW]  # "and try again" is no news
        if any(stray(each, known, asked) for each in (said, *longer)):
            yield f"The tickets that it cites don't say: “{told}”. Keep to their words."
            return


def stray(said: set[str], known: set[str], asked: set[str]) -> bool:
    """Whether a clause's words are mostly none of the solutions', or it names a day or a month that is none of them."""
    if not said or said <= COURTESY:
        return False
    found, own = said & known, said - known - asked - COURTESY
    return not found or len(found) < SHARE * (len(found) + len(own)) or bool((said & CALENDAR) - known)


def turned(said: set[str], no: bool, theirs: Sequence[tuple[set[str], bool]]) -> bool:
    """Whether the sentence says no and none that it is made of does, or the other way round."""
    most = max((len(said & words) for words, _ in theirs), default=0)
    return most >= FEW and no not in {is_theirs for words, is_theirs in theirs if len(said & words) == most}


def stems(text: str, spoken: str) -> set[str]:
    """Beginnings of the words that say something."""
    common = stop_words(spoken)
    words = (each.casefold() for each in _WORD.findall(_masks_out(text)))
    return {each[:STEM] for each in words if each not in common and each.split("'")[0].split("’")[0] not in common}


def _masks_out(text: str) -> str:
    return re.sub(r"\[\w+\]", " ", text)


@cache
def stop_words(code: str) -> frozenset[str]:
    """Words of a language that say nothing by themselves. Presidio has loaded spaCy's lists with it already."""
    try:
        return frozenset(importlib.import_module(f"spacy.lang.{code}.stop_words").STOP_WORDS)
    except (ImportError, AttributeError):
        return frozenset()


def is_mixed(word: str) -> bool:
    """Letters of two scripts of which one imitates the other."""
    scripts = {unicodedata.name(each, " ").split()[0] for each in word if each.isalpha()}
    return len(scripts & {"LATIN", "CYRILLIC", "GREEK"}) > 1
