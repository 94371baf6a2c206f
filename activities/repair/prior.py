"""How often each kind of edit is the right one, before anything is known of the bug at hand.

Learnt from half of the rows of HumanEvalFix by `python -m tests.bench.repair --fit` (docs/benchmarks/repair.md):
what a kind's edits were right, against how many there were, smoothed. A kind that is not named has the least.
"""

import math

PRIOR: dict[str, float] = {
    "operand dropped": 0.02177,
    "comparison": 0.0083,
    "and or": 0.00703,
    "operands exchanged": 0.0062,
    "constants together": 0.00598,
    "attribute": 0.00548,
    "statement dropped": 0.00448,
    "branches exchanged": 0.00404,
    "elements exchanged": 0.00392,
    "flag": 0.00381,
    "condition dropped": 0.00359,
    "names exchanged": 0.00355,
    "text": 0.00349,
    "element dropped": 0.0034,
    "argument dropped": 0.00339,
    "start value": 0.00301,
    "call dropped": 0.00221,
    "arithmetic": 0.00213,
    "number": 0.002,
    "assignment": 0.00194,
    "off by one": 0.00178,
    "name": 0.00161,
    "expression": 0.00129,
    "return": 0.00104,
    "elif": 0.00097,
    "statement added": 0.00092,
    "element added": 0.00088,
    "argument order": 0.00087,
    "not": 0.00084,
    "slice dropped": 0.00081,
    "slice bound": 0.00081,
    "index": 0.00069,
    "argument added": 0.00061,
    "statement moved": 0.00052,
    "missing value": 0.00044,
    "slice added": 0.00041,
    "function": 0.0004,
    "call added": 0.00035,
    "sign": 0.00035,
    "operand added": 0.00027,
    "guard added": 0.00011,
    "early return": 6e-05,
    "condition added": 4e-05,
}
LEAST = 0.0005


# What a symptom makes likelier: how many times. Common knowledge, not learnt from any rows.
SYMPTOMS: dict[str, dict[str, float]] = {
    "time": {"statement added": 5, "assignment": 3, "comparison": 2, "statement moved": 3, "early return": 2},
    "RecursionError": {"early return": 5, "comparison": 2, "number": 2, "name": 2},
    "IndexError": {"off by one": 4, "number": 2, "comparison": 2, "slice bound": 2, "operand dropped": 2},
    "KeyError": {"missing value": 5, "name": 2, "text": 3},
    "AttributeError": {"missing value": 4, "early return": 3, "attribute": 3, "name": 2},
    "TypeError": {"missing value": 2, "call added": 3, "call dropped": 3, "name": 2, "return": 2},
    "ValueError": {"early return": 4, "call added": 2, "argument dropped": 2},
    "ZeroDivisionError": {"missing value": 6, "early return": 4, "arithmetic": 3},
    "NameError": {"name": 5, "start value": 3, "statement moved": 3},
    "UnboundLocalError": {"name": 4, "start value": 3, "statement moved": 4},
}


def logit(kind: str, likely: float, symptoms: frozenset[str] = frozenset()) -> float:
    """The score of an edit before suspicion: the logarithm of its kind's prior times its likelihood within the kind.

    `symptoms`: names of what failing tests raised, or "time".
    """
    factor = max((SYMPTOMS.get(symptom, {}).get(kind, 1.0) for symptom in symptoms), default=1.0)
    return math.log(PRIOR.get(kind, LEAST) * factor) + math.log(max(likely, 1e-3))
