"""A real small pytest project with bugs, repaired in a real sandbox without a file of it being written."""

import hashlib

import pytest

from activities.repair.ideas import Idea
from activities.repair.repair import repair
from activities.repair.repository_trial import RepositoryTrial
from activities.repair.source import Change, Edit, Source
from contracts.repair import RepairLimits, RepairRequest, RepairResult, RepositoryUnderRepair
from sandboxes.protocol import Sandbox
from tests.activities.repair.conftest import ENVIRONMENT

FILES = {
    "shop/__init__.py": "",
    "shop/prices.py": '''"""Prices."""

RATES = {3: 5, 10: 20}  # pieces: percent


def discounted(cents, count):
    """Cents for `count` pieces: 5 % off from three, 10 % from ten."""
    percent = 0
    for start, rate in RATES.items():
        if count >= start:
            percent = rate
    return cents * count * (100 - percent) // 100
''',
    "shop/cart.py": '''"""A cart."""

from shop.prices import discounted


class Cart:
    def __init__(self, limit=10):
        self.lines = []
        self.limit = limit

    def add(self, name, cents, count=1):
        if len(self.lines) > self.limit:  # full
            raise ValueError("the cart is full")
        self.lines.append((name, cents, count))

    def total(self):
        return sum(discounted(cents, count) for _, cents, count in self.lines)
''',
    "tests/test_shop.py": """import pytest

from shop.cart import Cart
from shop.prices import discounted


def test_few_pieces():
    assert discounted(100, 1) == 100
    assert discounted(100, 2) == 200


def test_three_pieces():
    assert discounted(100, 3) == 285


def test_ten_pieces():
    assert discounted(100, 10) == 900


def test_total():
    cart = Cart()
    cart.add("a", 100)
    cart.add("b", 50, 2)
    assert cart.total() == 200


def test_full():
    cart = Cart(limit=1)
    cart.add("a", 100)
    with pytest.raises(ValueError):
        cart.add("b", 100)
""",
}


async def placed(sandbox: Sandbox, folder: str, changed: dict[str, str] | None = None) -> None:
    for path, text in {**FILES, **(changed or {})}.items():
        await sandbox.write(f"{folder}/{path}", text.encode())


async def fix(sandbox: Sandbox, folder: str, *failing: str, ticket: str = "") -> RepairResult:
    subject = RepositoryUnderRepair(folder=folder, failing=failing, environment=ENVIRONMENT)
    limits = RepairLimits(seconds=150, settle_tries=20)
    return await repair(sandbox, RepairRequest(subject=subject, ticket=ticket, limits=limits))


async def digest(sandbox: Sandbox, folder: str) -> dict[str, str]:
    return {path: hashlib.sha256(await sandbox.read(f"{folder}/{path}")).hexdigest() for path in FILES}


async def test_a_method_is_fixed_and_the_tree_is_as_it_was(sandbox: Sandbox) -> None:
    await placed(sandbox, "method")
    before = await digest(sandbox, "method"), await sandbox.list("method")
    result = await fix(sandbox, "method", "tests/test_shop.py::test_full")
    assert result.ended == "fixed", result.note
    best = result.candidates[0]
    assert (best.file, best.line) == ("shop/cart.py", 12)
    assert "+        if len(self.lines) >= self.limit:  # full" in best.diff
    assert best.passed == 4, "the failing test, and the three that passed before"
    assert (await digest(sandbox, "method"), await sandbox.list("method")) == before
    assert not any(path.startswith("tests/") for path in (each.file for each in result.candidates))

    await sandbox.write("method/fix.diff", best.diff.encode())
    script = "git init -q . && git apply fix.diff && python3 -m pytest -q tests/test_shop.py::test_full"
    done = await sandbox.exec(["sh", "-c", script], cwd="/work/method", env=ENVIRONMENT)
    assert done.exit_code == 0, done.stdout + done.stderr


async def test_what_no_edit_of_a_function_fixes_ends_in_a_note(sandbox: Sandbox) -> None:
    """The bug is a number of the module; edits are of functions. The nearest function is named."""
    await placed(sandbox, "module")
    subject = RepositoryUnderRepair(
        folder="module", failing=("tests/test_shop.py::test_ten_pieces",), environment=ENVIRONMENT
    )
    limits = RepairLimits(seconds=60, tries=60, settle_tries=5)
    result = await repair(sandbox, RepairRequest(subject=subject, limits=limits))
    assert result.suspects[0].file == "shop/prices.py"
    assert result.suspects[0].function == "discounted"
    assert "Where to look:" in result.note


async def test_an_edit_of_what_runs_at_import_is_tried_in_a_process_that_has_not_imported_it(sandbox: Sandbox) -> None:
    """A default argument was evaluated when the module was loaded; so was a number of the module."""
    wrong = FILES["shop/cart.py"].replace("count=1)", "count=2)").replace("> self.limit", ">= self.limit")
    await placed(sandbox, "cold", {"shop/cart.py": wrong})
    subject = RepositoryUnderRepair(folder="cold", failing=("tests/test_shop.py::test_total",), environment=ENVIRONMENT)
    trial = RepositoryTrial(sandbox, subject, RepairLimits())
    before = await trial.baseline()
    assert before.failing == ["tests/test_shop.py::test_total"]
    at = wrong.index("count=2") + 6
    change = Change(at, at + 1, "1")
    idea = Idea(Source(wrong, "shop/cart.py"), (Edit("number", 11, "", (change,)),), 0, 0)
    useless = Idea(idea.source, (Edit("number", 11, "", (Change(at, at + 1, "3"),)),), 0, 0)
    outcomes = await trial.attempt([idea, useless], timeout=60)
    assert [outcome and (outcome.end, outcome.passed) for outcome in outcomes] == [("done", True), ("done", False)]


async def test_a_test_that_is_not_there_and_an_interpreter_without_pytest_are_named(sandbox: Sandbox) -> None:
    await placed(sandbox, "unusable")
    missing = await fix(sandbox, "unusable", "tests/test_shop.py::test_nowhere")
    assert missing.ended == "unusable"
    assert "test_nowhere" in missing.note
    subject = RepositoryUnderRepair(folder="unusable", python="/usr/bin/python3")
    bare = await repair(sandbox, RepairRequest(subject=subject))
    if "No module named 'pytest'" not in bare.note:
        pytest.skip("the system's Python has pytest of its own")
    assert bare.ended == "unusable"
