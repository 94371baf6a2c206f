"""Where a bug may be: executed lines, printed tracebacks, the ticket's words."""

from activities.repair.examples import examples
from activities.repair.ingredients import Ingredients
from activities.repair.relevance import relevance
from activities.repair.source import Source
from activities.repair.spectrum import spectra
from activities.repair.suspects import functions, ranked, suspicion
from activities.repair.tracebacks import errors, frames
from activities.repair.trial import Baseline
from activities.repair.tries import Case, Outcome

PYTHON = """Traceback (most recent call last):
  File "/work/repository/tests/test_shop.py", line 9, in test_total
    assert cart.total() == 200
  File "/work/repository/shop/cart.py", line 21, in total
    return sum(prices)
TypeError: unsupported operand type(s) for +: 'int' and 'str'
"""
PYTEST = """____ test_total ____

    def test_total():
>       assert cart.total() == 200

tests/test_shop.py:9:
_ _ _ _ _
shop/cart.py:21: in total
    return sum(prices)
E   TypeError: unsupported operand type(s) for +: 'int' and 'str'

shop/prices.py:4: TypeError
"""
SHOP = """def total(items):
    price = 0
    for item in items:
        price += item
    return price


def discount(price, rate):
    if rate > 50:
        return price
    return price - rate
"""


def test_python_tracebacks_are_read_from_the_innermost_frame() -> None:
    found = frames(PYTHON)
    assert [(frame.file, frame.line, frame.function, frame.depth) for frame in found] == [
        ("/work/repository/tests/test_shop.py", 9, "test_total", 1),
        ("/work/repository/shop/cart.py", 21, "total", 0),
    ]
    assert errors(PYTHON)[0] == ("TypeError", "unsupported operand type(s) for +: 'int' and 'str'")


def test_pytest_failures_are_read_too() -> None:
    found = {(frame.file, frame.line): frame.depth for frame in frames(PYTEST)}
    assert found[("shop/prices.py", 4)] == 0
    assert found[("shop/cart.py", 21)] == 1
    assert found[("tests/test_shop.py", 9)] == 2


def test_ochiai_prefers_what_only_failing_tests_execute() -> None:
    found = spectra([{"a", "b"}, {"a", "b", "c"}], [{"b"}, {"b", "d"}])
    assert found["a"].ochiai == 1
    assert 0 < found["b"].ochiai < 1
    assert found["c"].ochiai < 1
    assert "d" not in found


def test_words_of_identifiers_count_and_rare_ones_more() -> None:
    documents = {"shop.py:discount": "def discount(rate)", "shop.py:total": "def total(items)", "x.py:other": "def x()"}
    scores = relevance("The discountRate is ignored", documents)
    assert max(scores, key=lambda name: scores[name]) == "shop.py:discount"
    assert scores["x.py:other"] == 0


def baseline(**runs: set[int]) -> Baseline:
    cases = tuple(Case(name=name, state="fail" if name.startswith("bad") else "pass") for name in runs)
    lines = {name: frozenset(("shop.py", line) for line in run) for name, run in runs.items()}
    return Baseline(Outcome(id=0, end="done", cases=cases), lines)


def test_suspects_come_with_reasons_in_words() -> None:
    sources = {"shop.py": Source(SHOP, "shop.py")}
    before = baseline(bad={9, 10}, good={9, 11}, other={2, 3, 4, 5})
    output = 'File "/work/repository/shop.py", line 10, in discount\nValueError: no'
    found = suspicion(sources, before, ticket="", output=output)
    first = ranked(found, sources)[0]
    assert (first.file, first.function, first.line, first.score) == ("shop.py", "discount", 10, 1)
    assert "executed by 1 of 1 failing test and by none that passes" in first.reasons
    assert "the failure was raised here (ValueError)" in first.reasons
    assert [name for _, name, _ in functions(found, sources)] == ["discount"]


def test_with_nothing_executed_the_ticket_decides() -> None:
    sources = {"shop.py": Source(SHOP, "shop.py")}
    found = suspicion(sources, Baseline(Outcome(id=0, end="time")), ticket="`discount` is wrong", output="")
    assert functions(found, sources)[0][1] == "discount"


def test_what_a_ticket_mentions_becomes_ingredients() -> None:
    found = Ingredients.gather("Use 'abc' from 7 to 12.5, like Jupiter", "assert f('(x)') == 3")
    assert {"7", "12.5"} <= set(found.numbers)
    assert "abc" in found.strings
    assert "Jupiter" in found.words
    assert set("()") <= set(found.characters)


def test_examples_are_read_as_people_write_them() -> None:
    ticket = """
    >>> f([1, 2])
    3
    f(4) ➞ 5
    f('a, b') == ['a', 'b']
    For f(7, 8) the result should be "x".  f(9) returns True
    f(open('x')) == 1
    """
    found = dict(examples(ticket, "f"))
    assert found["f([1, 2])"] == "3"
    assert found["f(4)"] == "5"
    assert found["f('a, b')"] == "['a', 'b']"
    assert found["f(9)"] == "True"
    assert not any("open" in call for call in found), "only literals are ever evaluated"
