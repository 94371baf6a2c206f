"""What an answer may not say unless the solved tickets that it cites say it: promises, in several languages.

A promise is told by its stem, so that a Spanish answer may stand on an English solution. Cheap and coarse on purpose:
what it refuses wrongly costs a model's wording, and the baseline's answer is there.
"""

import re
from collections.abc import Iterator

DONE = "that something was done"
PROMISES: dict[str, str] = {
    "a refund": r"refund|money back|reimburs|charge ?back|erstatt|rückzahl|geld zurück|rembours|reembols|devol[uv]|"
    r"rimbors|terugbeta",
    "a compensation": r"compensat|goodwill|entschädig|kulanz|dédommag|indemni|compensa[cs]|risarc|vergoed",
    "a payment": r"\bpay(?:s|ing)? you\b|\bwe(?:['’]ll| will)? pay\b|\bcredit(?:ed|s)?\b|überweis|auszahl|gutschreib|"
    r"\bversons|\babonar",
    "a discount or a gift": r"discount|voucher|half (?:the )?price|upgrade|(?<!feel )\bfree\b|"
    r"\bkeep (?:it|the|your)\b|coupon|gift card|store credit|at no (?:cost|charge)|"
    r"on the house|rabatt|gutschein|gutschrift|kostenlos|gratis|gratuit|descuento|sconto|desconto|korting",
    "a replacement": r"replacement|replace (?:it|your)|send (?:you )?(?:another|a new)|another one|ersatz|umtausch|"
    r"remplac|reemplaz|sostitu|substitu|vervang",
    "a cancellation": r"cancel|stornier|kündig|annul|opzeg",
    "a guarantee": r"guarantee|warrant|promise|garant|verspr|promett|promet|belo(?:of|ven)",
    "an approval": r"approv|genehmig|bewillig|approuv|aproba|aprova|approva",
    "an exception": r"exception|waive|ausnahme|erlass|excepci|eccezion|exceç|uitzonder",
    "that somebody is liable": r"\bliab|at fault|our (?:fault|mistake|error)|admit|"
    r"unser fehler|legal(?:ly)?\b|lawyer|haft(?:ung|en)|responsab",
    DONE: r"\b(?:we|i)(?:['’]ve| have) (?:now |already |just )?(?:\w+ed|sent|made|paid|reset|"
    r"given|put|taken)\b|\bhas (?:now |already |just )?been \w+(?:ed|en|nt)\b|\b(?:wir haben|ich habe) |"
    r"\b(?:nous avons|j['’]ai) |\b(?:hemos|he) \w+d[oa]\b|\babbiamo ",
    "a secret": r"password|passcode|\bpin\b|\bcv[vc]\b|card number|passwort|kennwort|mot de passe|contraseñ|\bsenha|"
    r"wachtwoord",
    "to call or write": r"\b(?:we|i)(?:['’]ll| will) (?:\w+ )?(?:call|phone|write|contact|reach out|get back|e-?mail)|"
    r"rufen (?:wir )?sie an|melden uns|vous rappel|le llamar",
    "a time": r"\btoday\b|\btonight\b|\btomorrow\b|immediately|right away|\basap\b|as soon as possible|"
    r"\bwithin (?:\w+[ -]){0,3}(?:minute|hour|day|week|month|year)|"
    r"next (?:day|week|month)|end of (?:the |this )?(?:day|week|month)|shortly|\bsoon\b|"
    r"(?:few|couple of) (?:minute|hour|day|week)|"
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\bheute\b|(?<!guten )\bmorgen\b|sofort|umgehend|innerhalb|aujourd|"
    r"\bdemain\b|immédiat|\bhoy\b|\bmañana\b|inmediat|\boggi\b|\bdomani\b|\bhoje\b|\bamanhã\b|\bvandaag\b",
}
_PROMISES = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in PROMISES.items()}
_NO = re.compile(
    r"\b(?:not|no|never|cannot|unable|without|nicht|keine?[mnrs]?|nie|ohne|ne|pas|jamais|sans|nunca|sin|non|mai|senza|"
    r"não|nem|niet|geen|nooit)\b|n['’]t\b",
    re.IGNORECASE,
)
_WHEN = re.compile(r"\b(?:once|after|when|if|as soon as|until|sobald|nachdem|wenn)\b[^.!?,\n]*", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?\n。؟]+")
_NUMBERS = (  # the same number in each of the languages, by its value
    ("2", "two zwei deux dos due dois twee"),
    ("3", "three drei trois tres tre três drie"),
    ("4", "four vier quatre cuatro quattro quatro"),
    ("5", "five fünf cinq cinco cinque vijf"),
    ("6", "six sechs seis sei zes"),
    ("7", "seven sieben sept siete sette sete zeven"),
    ("8", "eight acht huit ocho otto oito"),
    ("9", "nine neun neuf nueve nove negen"),
    ("10", "ten zehn dix diez dieci dez tien"),
    ("12", "twelve zwölf douze doce dodici doze twaalf"),
    ("14", "fourteen vierzehn quatorze catorce quattordici veertien"),
    ("15", "fifteen fünfzehn quinze quince quindici vijftien"),
    ("20", "twenty zwanzig vingt veinte venti vinte twintig"),
    ("24", "twenty-four vierundzwanzig"),
    ("30", "thirty dreißig trente treinta trenta trinta dertig"),
    ("50", "fifty fünfzig cinquante cincuenta cinquanta vijftig"),
    ("100", "hundred hundert cent cien cento honderd"),
)
_VALUES = {word: value for value, listed in _NUMBERS for word in listed.split()}
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?|\d+")


def broken(answer: str, solutions: str) -> Iterator[str]:
    """What the answer promises and none of its solutions does, or what they all say no to."""
    for name, pattern in _PROMISES.items():
        said, known = sentences(answer, pattern), sentences(solutions, pattern)
        if name == DONE:  # "once the parcel has been scanned" tells of no deed
            said = sentences(_WHEN.sub("", answer), pattern)
        if said and not known:
            yield f"It speaks of {name}, and none of the tickets that it cites does."
        elif any(not no for no in said) and known and all(known):
            yield f"It says yes to {name} where the tickets that it cites say no."


def sentences(text: str, pattern: re.Pattern[str]) -> list[bool]:
    """For each sentence with the pattern whether it says no."""
    return [is_no(each) for each in _SENTENCE.findall(text) if pattern.search(each)]


def is_no(sentence: str) -> bool:
    """Whether it says no to something."""
    return bool(_NO.search(sentence))


def numbers(text: str) -> set[str]:
    """Values of the numbers in a text, in digits or in words."""
    found = (each.casefold() for each in _WORD.findall(text))
    return {_VALUES.get(each, each) for each in found if each in _VALUES or each.isdecimal()}
