"""Cutting a talk down: what is kept, and that providers still take it."""

from itertools import pairwise

from activities.agent.compaction import HEAD, compacted, size
from contracts.models import Message, Text, ToolCall, ToolResult


def talk(turns: int, result: int = 2000) -> list[Message]:
    """Calls and their results, a note in the third turn."""
    messages = []
    for number in range(turns):
        name, given = ("note", {"text": "the bug is in add()"}) if number == 2 else ("read", {"path": f"f{number}"})
        call = ToolCall(id=f"c{number}", name=name, arguments=given)
        messages.append(Message(role="assistant", parts=(Text(text=f"step {number}"), call)))
        failed = number == 4
        given_text = f"result {number} " + "x" * result
        messages.append(Message.answering([ToolResult(call=f"c{number}", name=name, text=given_text, failed=failed)]))
    return messages


def test_a_talk_that_fits_is_left_alone() -> None:
    messages = talk(3)
    assert compacted(messages, 100_000) == (messages, 0)


def test_notes_steps_and_failures_are_kept() -> None:
    kept, cut = compacted(talk(40), 30_000)
    said = kept[0].said
    assert cut > 0
    assert size(kept) <= 30_000
    assert said.startswith(HEAD)
    assert "Your note: the bug is in add()" in said
    assert "- read(path=f3): result 3" in said
    assert "- read(path=f4): FAILED: result 4" in said
    assert "result 39" in kept[-1].content()[0].text  # type: ignore[union-attr]


def test_every_result_still_has_its_call_and_turns_alternate() -> None:
    kept, _ = compacted(talk(40), 30_000)
    called = {part.id for message in kept for part in message.content() if isinstance(part, ToolCall)}
    answered = {part.call for message in kept for part in message.content() if isinstance(part, ToolResult)}
    assert answered == called
    assert all(a.role != b.role for a, b in pairwise(kept))


def test_cut_down_again_it_keeps_the_notes() -> None:
    once, _ = compacted(talk(40), 30_000)
    more = [*once, *[m.model_copy() for m in talk(60)[80:]]]
    twice, cut = compacted(more, 20_000)
    assert cut > 0
    assert "Your note: the bug is in add()" in twice[0].said
    assert "- read(path=f3): result 3" in twice[0].said


def test_one_turn_that_is_too_long_alone_is_cut() -> None:
    kept, cut = compacted(talk(2, result=500_000), 20_000)
    assert size(kept) < 40_000
    assert cut >= 0
