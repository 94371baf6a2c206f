"""Each family of edits makes the edit that it is for, and touches nothing else of the text."""

import pytest

from activities.repair.edits import edits
from activities.repair.ideas import Ground, singles
from activities.repair.ingredients import Ingredients
from activities.repair.prior import PRIOR
from activities.repair.source import Source, apply

HEAD = "def f(a: int, b: int, items: list, word: str):\n"

# kind, what is there, what is meant
BODIES = [
    ("comparison", "return a < b", "return a <= b"),
    ("comparison", "return a  ==  b", "return a  !=  b"),
    ("comparison", "return a in items", "return a not in items"),
    ("comparison", "return a is b", "return a is not b"),
    ("off by one", "return a < b", "return a < b + 1"),
    ("arithmetic", "return a - b  # less", "return a + b  # less"),
    ("arithmetic", "return (a) - (b)", "return (a) % (b)"),
    ("operand dropped", "return a + 1", "return a"),
    ("operand dropped", "return a ** 2 * b", "return a ** b"),
    ("operands exchanged", "return a - b", "return b - a"),
    ("operand added", "return a", "return a * 2"),
    ("assignment", "a -= b\n    return a", "a //= b\n    return a"),
    ("and or", "return a and b", "return a or b"),
    ("condition dropped", "return a and b", "return b"),
    ("not", "if not items:\n        return a", "if items:\n        return a"),
    ("not", "if items:\n        return a", "if not items:\n        return a"),
    ("sign", "return a", "return -a"),
    ("number", "return a + 3", "return a + 4"),
    ("number", "return a + 3", "return a + 7"),  # the ticket says 7
    ("text", "return word == 'Jupyter'", "return word == 'Jupiter'"),  # the ticket spells it
    ("text", 'return word.split(" ")', 'return word.split("")'),
    ("flag", "return True", "return False"),
    (
        "constants together",
        "if a:\n        return True\n    return False",
        "if a:\n        return False\n    return True",
    ),
    ("start value", "best = 0\n    return best", "best = None\n    return best"),
    ("element dropped", "return a in (1, 2, 3)", "return a in (1, 3)"),
    ("element added", "return a in (1, 2, 3)", "return a in (1, 2, 3, 7)"),
    ("elements exchanged", "return [a, b]", "return [b, a]"),
    ("name", "return a", "return b"),
    ("function", "return min(items)", "return max(items)"),
    ("attribute", "return word.lower()", "return word.upper()"),
    ("expression", "return len(items) / a", "return len(items) / len(items)"),
    ("names exchanged", "a, b = items\n    return a", "b, a = items\n    return a"),
    ("call dropped", "return sorted(items)", "return items"),
    ("call dropped", "return items.sort()", "return items"),
    ("call added", "return a - b", "return abs(a - b)"),
    ("call added", "return word", "return word.lower()"),
    ("call added", "return items == word", "return set(items) == set(word)"),
    ("argument order", "return isinstance(a, b)", "return isinstance(b, a)"),
    ("argument dropped", "return range(1, a)", "return range(a)"),
    ("argument added", "return sorted(items)", "return sorted(items, reverse=True)"),
    ("argument added", "return range(a)", "return range(1, a)"),
    ("index", "return items[0]", "return items[-1]"),
    ("slice added", "return items", "return items[1:]"),
    ("slice added", "return items", "return items[:a]"),
    ("slice bound", "return items[1:a]", "return items[:a]"),
    ("off by one", "return items[a:]", "return items[a + 1:]"),
    ("slice dropped", "return items[0]", "return items"),
    ("condition added", "if a > 1:\n        return a", "if a > 1 and a < b:\n        return a"),
    ("guard added", "items.append(a)\n    return items", "if a == b:\n        items.append(a)\n    return items"),
    ("early return", "return a / len(items)", "if not items:\n        return 0\n    return a / len(items)"),
    ("branches exchanged", "return a if a < b else b", "return b if a < b else a"),
    (
        "branches exchanged",
        "if a < b:\n        a = 1\n    else:\n        a = 2\n    return a",
        "if a < b:\n        a = 2\n    else:\n        a = 1\n    return a",
    ),
    ("elif", "if a:\n        b = 1\n    elif b:\n        b = 2", "if a:\n        b = 1\n    if b:\n        b = 2"),
    ("missing value", "held = {}\n    return held[word]", "held = {}\n    return held.get(word)"),
    ("missing value", "return a / b", "return (a / b if b else 0)"),
    ("statement dropped", "a = 2\n    b = 3\n    return a", "b = 3\n    return a"),
    ("statement added", "while a:\n        b = b + 1", "while a:\n        b = b + 1\n        a -= 1"),
    ("statement added", "for x in items:\n        b = x", "for x in items:\n        b = x\n        break"),
    (
        "statement moved",
        "for x in items:\n        b += x\n        return b",
        "for x in items:\n        b += x\n    return b",
    ),
    ("statement moved", "for x in items:\n        a = 1\n    b += x", "for x in items:\n        a = 1\n        b += x"),
    ("return", "return len(items)", "return items"),
    ("return", "items.sort()", "items.sort()\n    return items"),
]

TICKET = Ingredients.gather("The 7 planets, such as Jupiter, come in order.")


@pytest.mark.parametrize(("kind", "there", "meant"), BODIES, ids=[f"{kind}: {meant}" for kind, _, meant in BODIES])
def test_a_kind_makes_the_edit_that_it_is_for(kind: str, there: str, meant: str) -> None:
    source = Source(f"{HEAD}    {there}\n")
    (_, function), *_ = source.functions
    made = {(edit.kind, apply(source.text, edit.changes)) for edit in edits(source, function, TICKET)}
    # A text that ends without a break gets one where a statement is put behind it.
    assert (kind, f"{HEAD}    {meant}\n") in made


def test_every_kind_that_is_made_here_has_a_prior_or_the_least() -> None:
    assert {kind for kind, _, _ in BODIES} - set(PRIOR) <= {"elements exchanged", "function"}


def test_what_is_tried_compiles_differs_and_comes_in_the_same_order() -> None:
    for _, there, _ in BODIES[::4]:
        orders = []
        for _ in range(2):
            source = Source(f"{HEAD}    {there}\n")
            (name, function), *_ = source.functions
            ideas = list(singles(Ground(source, name, function, lambda line: 1.0), TICKET, set()))
            orders.append([(idea.edits[0].kind, idea.changes) for idea in ideas])
            assert len({idea.key for idea in ideas}) == len(ideas)
            for idea in ideas:
                compile(idea.after, "after", "exec")
        assert orders[0] == orders[1]
        assert len(orders[0]) > 20


def test_comments_strings_and_wide_characters_stay_where_they_are() -> None:
    source = Source('def f(a, b):\n    """Größe – ½"""\n    ü = "…" ; return a  <  b  # kleiner ¾\n')
    (_, function), *_ = source.functions
    after = {apply(source.text, edit.changes) for edit in edits(source, function, Ingredients())}
    assert source.text.replace("a  <  b", "a  <=  b") in after
    assert all('"""Größe – ½"""' in text for text in after)


def test_a_raise_or_an_assert_is_never_left_out() -> None:
    source = Source("def f(a):\n    if a:\n        raise ValueError(a)\n    assert a\n    return a\n")
    (_, function), *_ = source.functions
    dropped = [edit.says for edit in edits(source, function, Ingredients()) if edit.kind == "statement dropped"]
    assert dropped == []
