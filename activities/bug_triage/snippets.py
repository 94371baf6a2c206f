"""What of a report can be run: a snippet in one of a few languages, or the commands of its steps. Pure: nothing of it
is run here."""

import re
import shlex
from dataclasses import dataclass

from activities.bug_triage import texts
from contracts.bugs import Issue

MOST_SNIPPET = 10_000
MOST_COMMANDS = 5
COMMANDS = "commands"
COMPILING = 120.0  # seconds: Go begins with its own library


@dataclass(frozen=True)
class Language:
    """How a snippet is run, in the repository. `file` is below /work: in the repository where the language looks for
    its code there. `seconds`: a compiler takes its time."""

    name: str
    file: str
    argv: tuple[str, ...]
    fences: tuple[str, ...]
    seconds: float = 20.0


LANGUAGES: dict[str, Language] = {
    "python": Language(
        "Python", "report/snippet.py", ("python3", "/work/report/snippet.py"), ("python", "py", "python3")
    ),
    "javascript": Language(
        "JavaScript",
        "{folder}/countersign_report.mjs",
        ("node", "countersign_report.mjs"),
        ("javascript", "js", "node", "mjs", "cjs"),
    ),
    "go": Language(
        "Go",
        "{folder}/countersign_report/main.go",
        ("go", "run", "countersign_report/main.go"),
        ("go", "golang"),
        COMPILING,
    ),
    "java": Language("Java", "report/Main.java", ("java", "/work/report/Main.java"), ("java",), COMPILING),
    "ruby": Language("Ruby", "report/snippet.rb", ("ruby", "/work/report/snippet.rb"), ("ruby", "rb")),
    "php": Language("PHP", "report/snippet.php", ("php", "/work/report/snippet.php"), ("php",)),
}
OF_FENCE = {fence: key for key, language in LANGUAGES.items() for fence in language.fences}
# That people write reports in, and nobody runs here.
NOT_RUN = {
    **{"rust": "Rust", "rs": "Rust", "c": "C", "cpp": "C++", "c++": "C++", "cs": "C#", "csharp": "C#"},
    **{"kotlin": "Kotlin", "kt": "Kotlin", "swift": "Swift", "scala": "Scala", "elixir": "Elixir", "ex": "Elixir"},
    **{"typescript": "TypeScript", "ts": "TypeScript", "tsx": "TypeScript", "jsx": "JSX", "dart": "Dart"},
    **{"haskell": "Haskell", "hs": "Haskell", "lua": "Lua", "r": "R", "julia": "Julia", "perl": "Perl"},
}
SHELLS = ("sh", "bash", "shell", "console", "shell-session", "zsh", "terminal")
PROGRAMS = ("python", "python3", "pytest", "node", "npm", "go", "java", "ruby", "php", "make")
ALONE = ("pytest", "make")  # that do something without an argument
_PROGRAM = re.compile(rf"^(?:{'|'.join(PROGRAMS)})$|^\./[\w][\w./-]{{0,100}}$")
# Installing is no step of ours: there is no network.
_BESIDE = ("npm install", "npm i", "npm ci", "go get", "go install", "python -m pip", "python3 -m pip")
_OPERATOR = re.compile(r"^[();<>|&]+$")

_FENCE = re.compile(r"(?:```|~~~)[ \t]*([\w+#-]*)[^\n]{0,300}\n(.*?)\n\s*(?:```|~~~)", re.DOTALL)
_PYTHONIC = re.compile(r"^(?:from \w|import \w|def \w|class \w|print\(|assert |\w+ = |\w[\w.]*\()", re.M)
_PROMPT = re.compile(r"^\s{0,8}\$ (.{1,400})$", re.M)
_STEP = re.compile(r"^\s{0,6}(?:\d{1,2}[.)]|[-*])\s+[^\n`]{0,200}`([^`\n]{1,400})`", re.M)
_TESTS = re.compile(r"^[ \t]*(?:async )?def test_\w*\(", re.M)
_TRACE = ("Traceback (most recent call last)", "goroutine 1 [", "\n    at ", "\n\tat ")


@dataclass(frozen=True)
class Runnable:
    """A snippet in a language of `LANGUAGES`, or the commands of a report's steps, one a line."""

    kind: str
    text: str

    @property
    def is_tests(self) -> bool:
        """Whether it is for pytest: by itself it would do nothing."""
        return self.kind == "python" and _TESTS.search(self.text) is not None

    @property
    def says(self) -> str:
        return "; ".join(self.text.splitlines()) if self.kind == COMMANDS else f"a snippet in {self.name}"

    @property
    def name(self) -> str:
        return LANGUAGES[self.kind].name if self.kind in LANGUAGES else ""

    @property
    def is_module(self) -> bool:
        """Whether JavaScript is of the newer kind, which has another ending."""
        return re.search(r"^\s*(?:import\b|export\b|await\b)", self.text, re.M) is not None

    @property
    def argvs(self) -> list[list[str]]:
        """What is run, one after the other."""
        if self.kind == COMMANDS:
            return [argv_of(line) for line in self.text.splitlines()]
        if self.is_tests:
            return [["pytest", "-q", "-p", "no:cacheprovider", "/work/report/snippet.py"]]
        return [[self._ending(word) for word in LANGUAGES[self.kind].argv]]

    def file(self, folder: str) -> str:
        """Where the snippet lies, with the repository in `folder`; empty for commands."""
        return self._ending(LANGUAGES[self.kind].file.format(folder=folder)) if self.kind in LANGUAGES else ""

    def _ending(self, path: str) -> str:
        return f"{path.removesuffix('.mjs')}.cjs" if path.endswith(".mjs") and not self.is_module else path


def runnable(issue: Issue) -> Runnable | None:
    """The first snippet of a report that can be run, else the commands of its steps; None where it has neither."""
    body = _body(issue)
    for language, code in _FENCE.findall(body):
        if len(code) > MOST_SNIPPET or any(each in code for each in _TRACE):
            continue
        if ">>> " in code:
            return Runnable("python", "\n".join(_session(code)))
        kind = OF_FENCE.get(language.lower()) or ("python" if not language and _is_python(code) else "")
        if kind and _is_whole(kind, code):
            return Runnable(kind, code)
    commands = _commands(body)
    return Runnable(COMMANDS, "\n".join(commands)) if commands else None


def not_run(issue: Issue) -> str:
    """The language of its first snippet, where that is none that is run here; empty where it has none."""
    named = (language.lower() for language, _ in _FENCE.findall(_body(issue)))
    return next((NOT_RUN[each] for each in named if each in NOT_RUN), "")


def _body(issue: Issue) -> str:
    return texts.bounded(issue.body).replace("\r\n", "\n")


def _is_python(code: str) -> bool:
    return _PYTHONIC.search(code) is not None and _PROMPT.search(code) is None


def _is_whole(kind: str, code: str) -> bool:
    """Whether it is a program, and not a piece of one: a compiler takes nothing less."""
    if kind == "go":
        return re.search(r"^package main\b", code, re.M) is not None and "func main()" in code
    return kind != "java" or re.search(r"\bstatic\s+void\s+main\s*\(", code) is not None


def _commands(body: str) -> list[str]:
    """Commands after a prompt, in a block of a shell, or between the words of a step, in their order."""
    found = {match.start(1): match[1] for pattern in (_PROMPT, _STEP) for match in pattern.finditer(body)}
    for block in _FENCE.finditer(body):
        if block[1].lower() in SHELLS and not _PROMPT.search(block[2]):
            found |= {block.start(2) + at: line for at, line in enumerate(block[2].splitlines())}
    words = (found[at].strip() for at in sorted(found))
    return [each for each in dict.fromkeys(words) if argv_of(each)][:MOST_COMMANDS]


def argv_of(text: str) -> list[str]:
    """A command's words; none for what only a shell understands, and for a program that is not tried."""
    if text.startswith(_BESIDE) or "$" in text or "`" in text:
        return []
    try:
        words = list(_lexed(text))
    except ValueError:
        return []
    if any(_OPERATOR.match(word) for word in words) or not words or not _PROGRAM.match(words[0]):
        return []
    return words if len(words) > 1 or words[0] in ALONE else []


def _lexed(text: str) -> shlex.shlex:
    lexed = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexed.whitespace_split, lexed.commenters = True, ""
    return lexed


def _session(code: str) -> list[str]:
    """The input lines of an interactive session."""
    return [line[4:] for line in code.splitlines() if line.startswith((">>> ", "... "))]
