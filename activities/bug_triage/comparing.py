"""What a trial shows of a report: the same failure, another one, none. Pure."""

import re
from typing import Literal

from activities.bug_triage import texts
from activities.bug_triage.snippets import Runnable
from contracts.bugs import Issue
from contracts.shown import spelt
from sandboxes.protocol import Result

State = Literal["reproduced", "other", "did not", "could not"]
SCANNED = 20_000  # bytes of the end of what was printed
LEAST_WORDS = 12  # letters of a message that is not anybody's

# The line that ends a Python traceback or pytest's report, what Node and Ruby print, Java's with its thread.
_ENDS = re.compile(
    r"^(?:E\s{1,8})?(?:Exception in thread \"[^\"\n]{0,80}\" |Caused by: )?(?:(?:PHP )?Fatal error:\s{1,4})?"
    r"(?:Uncaught )?(?:[\w$]+[.:]{1,2})*"
    r"(\w+(?:Error|Exception|Warning|Exit|Interrupt)|NilError)\b(?: \[\w+\])?(?: \(.{0,80}\))?(?::.*)?$",
    re.M,
)
_RUBY = re.compile(r": .{0,300} \((?:\w+::)*(\w+(?:Error|Exception))\)$", re.M)
_MESSAGE = re.compile(r"^(?:panic: |fatal error: |Error: |PHP Fatal error:\s+|Uncaught Error: )(.{3,300})$", re.M)
_LACKS = re.compile(
    r"Cannot find (?:module|package)|no required module provides|is not in (?:std|GOROOT)|missing go\.sum entry|"
    r"module lookup disabled|error: package [\w.]+ does not exist|cannot load such file|No module named|"
    r"\bcom\.sun\.tools\.javac\b|Error occurred during initialization of VM|"
    r"command not found|Could not find or load main class|Missing script|cannot find main module"
)
_UNREAD = re.compile(
    r"^(?:\S{0,200}: )?SyntaxError\b|IndentationError|error: compilation failed|^PHP Parse error|"
    r"^\S{1,200}\.go:\d+:\d+: (?!.*panic)",
    re.M,
)
_HANGS = re.compile(
    r"\b(?:hangs?|hung|freez\w+|infinite loop|never (?:ends|returns|finishes)|deadlock\w*|stuck)\b", re.I
)
_CRASHES = re.compile(r"\bsegfault\w*|\bsegmentation fault|\bcore dump\w*|\bSIG(?:SEGV|ABRT)\b|\baborted\b", re.I)
CRASHED = (-11, -6, 139, 134)


def compared(issue: Issue, found: Runnable, result: Result, seconds: float) -> tuple[State, str]:
    """What it shows, and why. `reproduced` takes the exception or the message that the report tells of, or that it
    hangs or crashes as reported."""
    words = f"{issue.title}\n{issue.body[:5000]}"
    if result.timed_out:
        is_told = _HANGS.search(words) is not None
        return ("reproduced" if is_told else "could not"), f"it did not end in {seconds:.0f} s" + (
            ", as reported" if is_told else ""
        )
    told, seen = reported(issue), raised(result)
    if same := next((each for each in seen[: 1 if found.kind == "python" else 5] if each in told), ""):
        return "reproduced", f"the same {same}"
    if result.exit_code in CRASHED and _CRASHES.search(words):
        return "reproduced", "it crashed, as reported"
    output = _printed(result)
    if result.exit_code and (_LACKS.search(output) or _UNREAD.search(output)):
        return "could not", f"it needs something that is not here, or can't be read{_in_brackets(seen)}"
    message = said_last(output) if result.exit_code else ""
    if len(message) >= LEAST_WORDS and message in _without(issue, found):
        return "reproduced", f"the same words: {spelt(message)[:160]}"
    if seen or result.exit_code:
        what = seen[0] if seen else message[:100] or f"exit code {result.exit_code}"
        return "other", f"{spelt(what)}, and the report tells of {', '.join(told[:2]) or 'no exception'}"
    if told:
        return "did not", f"it ended without {told[0]}"
    return "could not", "it ran to its end, and the report names no exception to compare with"


def reported(issue: Issue) -> list[str]:
    """The exceptions that a report tells of: the ones that ended a traceback first."""
    body = texts.bounded(issue.body).replace("\r\n", "\n")
    ended = _ENDS.findall(body)
    return list(dict.fromkeys((*reversed(ended), *texts.read(issue).exceptions)))


def raised(result: Result) -> list[str]:
    """The exceptions that ended the program, the last one first; none where it ended well."""
    if not result.exit_code:
        return []
    for part in (result.stderr, result.stdout):
        text = part.decode(errors="replace")[-SCANNED:]
        if found := [*_ENDS.findall(text), *_RUBY.findall(text)]:
            return list(dict.fromkeys(reversed(found)))[:5]
    return []


def said_last(output: str) -> str:
    """The message of an error that has no name of its own: Go's panic, JavaScript's plain Error."""
    found = _MESSAGE.findall(output)
    return found[-1].strip() if found else ""


def _printed(result: Result) -> str:
    return (result.stdout[-SCANNED:] + b"\n" + result.stderr[-SCANNED:]).decode(errors="replace")


def _without(issue: Issue, found: Runnable) -> str:
    """What the report says outside of what was run: a message in its own code is no sign."""
    return texts.bounded(issue.body).replace("\r\n", "\n").replace(found.text, " ")


def _in_brackets(seen: list[str]) -> str:
    return f" ({seen[0]})" if seen else ""
