"""A draft as text: the entry in the file's own markup, and from a person's edit back to lines.

Pure. A commit's words are data: nothing in them can become a heading, a link, or HTML.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from activities.changelog.structure import Markup, Structure, parse
from contracts.changelog import SECTIONS, Change, ChangelogDraft, History, LeftOut, Line, Section

MAX_TEXT = 400
MAX_LINES = 500
MAX_CITED = 6
MAX_NAMES = 60

_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_CODE = re.compile(r"(?<!`)(`{1,2})(?!`)([^`]+)\1(?!`)")
_MARKDOWN = re.compile(r"([\\`*\[\]<>|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|!(?=\[)|&(?=[#A-Za-z]))")
_RST = re.compile(r"([\\`*|]|(?<=\w)_(?!\w)|(?<!\w)_(?=\w))")
_ADOC = re.compile(r"([\\`*\[\]<>|#+{}^~]|(?<!\w)_|_(?!\w))")
_LINE_START = re.compile(r"^(?:(\d+)(?=[.)](?:\s|$))|(?=[#>+=-]))")
_BOT = re.compile(r"\[bot\]|(^|[\W_])(bot|dependabot|renovate|github-actions|pre-commit-ci)([\W_]|$)", re.IGNORECASE)


def entry(history: History, heading: str, lines: Sequence[Line], people: Sequence[str] = ()) -> str:
    """The entry of a changelog, in the markup and style of the repository's own file. Ends with a newline."""
    style = parse(history.changelog_path, history.changelog_text or "")
    blocks = [title(heading, style)]
    for section in SECTIONS:
        rows = [bullet(line, history, style) for line in lines if line.section == section]
        if rows:
            blocks += [subtitle(section, style), "\n".join(rows) + "\n"]
    if people:
        blocks += [subtitle("Contributors", style), _thanks(people, style)]
    return "\n".join(blocks)


def make_draft(
    history: History, heading: str, lines: Sequence[Line], left_out: Sequence[LeftOut] = ()
) -> ChangelogDraft:
    """The baseline's draft of these lines; what goes past the bound of an entry is left out by name."""
    kept, rest = _bounded(lines)
    people = contributors(history)
    return ChangelogDraft(
        heading=heading,
        lines=tuple(kept),
        left_out=(*left_out, *_past_the_bound(rest, history)),
        contributors=people,
        markdown=entry(history, heading, kept, people),
    )


def _bounded(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The lines in order of their sections, and those past the bound: each section gives way equally, what is
    breaking last."""
    seen: Counter[Section] = Counter()
    ranked = []
    for line in lines:
        seen[line.section] += line.section != "Breaking"
        ranked.append((seen[line.section], line))
    ranked.sort(key=lambda pair: pair[0])
    by_section = [sorted(part, key=_section) for part in (ranked[:MAX_LINES], ranked[MAX_LINES:])]
    return [line for _, line in by_section[0]], [line for _, line in by_section[1]]


def _section(pair: tuple[int, Line]) -> int:
    return SECTIONS.index(pair[1].section)


def _past_the_bound(lines: Sequence[Line], history: History) -> list[LeftOut]:
    subjects = {change.sha: change.subject for change in history.changes} if lines else {}
    why = f"past the entry's limit of {MAX_LINES} lines"
    return [LeftOut(sha=sha, subject=subjects.get(sha, ""), why=why) for line in lines for sha in line.changes]


def contributors(history: History) -> tuple[str, ...]:
    """Names of the authors in the range, each once, in order of first appearance, without bots."""
    names: dict[str, str] = {}
    for change in history.changes:
        for name in (change.author, *change.merged_authors):
            if name.strip() and not is_bot(name):
                names.setdefault(name.casefold().strip(), name.strip())
    return tuple(names.values())


def is_bot(name: str) -> bool:
    return _BOT.search(name) is not None


def title(heading: str, style: Structure) -> str:
    """The line, or lines, that open the entry. A new file's releases stand at the second level."""
    text = plain(heading)
    if style.markup == "markdown" and style.bracketed:
        text = f"[{text}]"
    return _titled(text, style.level, style.release_mark, style.markup)


def subtitle(section: str, style: Structure) -> str:
    text = "Breaking changes" if section == "Breaking" else section
    return _titled(text, style.level + 1, style.section_mark, style.markup)


def _titled(text: str, level: int, mark: str, markup: Markup) -> str:
    if markup == "rst":
        return f"{text}\n{mark * max(len(text), 3)}\n"
    return f"{('=' if markup == 'asciidoc' else '#') * level} {text}\n"


def bullet(line: Line, history: History, style: Structure) -> str:
    """One list item: the line's words and the links to what it stands on."""
    words = escaped(line.text, style.markup)
    if line.section == "Breaking":
        words = f"**Breaking:** {words}" if style.markup != "asciidoc" else f"*Breaking:* {words}"
    cited = ", ".join(citations(line, history, style.markup))
    return f"{style.bullet} {words} ({cited})" if cited else f"{style.bullet} {words}"


def citations(line: Line, history: History, markup: Markup) -> list[str]:
    """Pull requests first, then commits by their short SHA."""
    references = [_linked(ref, issue_url(history.web_url, ref), markup) for ref in line.references[:MAX_CITED]]
    commits = [_linked(sha[:9], commit_url(history.web_url, sha), markup) for sha in line.changes[:MAX_CITED]]
    more = len(line.changes) - MAX_CITED
    return references + commits + ([f"{more} more"] if more > 0 else [])


def _linked(text: str, url: str, markup: Markup) -> str:
    if not url:
        return text
    if markup == "rst":
        return f"`{text} <{url}>`__"
    return f"{url}[{text}]" if markup == "asciidoc" else f"[{text}]({url})"


def commit_url(web_url: str, sha: str) -> str:
    """Where the forge shows a commit; empty without a forge."""
    if not web_url:
        return ""
    if "bitbucket." in web_url:
        return f"{web_url}/commits/{sha}"
    return f"{web_url}/-/commit/{sha}" if "gitlab" in web_url else f"{web_url}/commit/{sha}"


def issue_url(web_url: str, reference: str) -> str:
    """Where `#12` leads. GitHub and its likes send an issue's address on to the pull request; others don't."""
    number = reference.lstrip("#")
    if not web_url or not number.isdigit() or "gitlab" in web_url or "bitbucket." in web_url:
        return ""
    return f"{web_url}/issues/{number}"


def plain(text: str, limit: int = MAX_TEXT) -> str:
    """One line without control, direction or zero-width characters, no longer than `limit`."""
    line = " ".join(_INVISIBLE.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def escaped(text: str, markup: Markup) -> str:
    """Words that render as themselves. Code between backticks stays code."""
    text = plain(text)
    out, at = [], 0
    for found in _CODE.finditer(text):
        out += [_escape(text[at : found.start()], markup), _code(found.group(2), markup)]
        at = found.end()
    out.append(_escape(text[at:], markup))
    return _LINE_START.sub(r"\1\\", "".join(out)) if markup == "markdown" else "".join(out)


def _code(text: str, markup: Markup) -> str:
    return f"``{text.strip()}``" if markup == "rst" else f"`{text.strip() or ' '}`"


def _escape(text: str, markup: Markup) -> str:
    if markup == "rst":
        return _RST.sub(r"\\\1", text)
    safe = (_ADOC if markup == "asciidoc" else _MARKDOWN).sub(r"\\\1", text)
    # A backslash in front of these keeps a renderer from making a link of a bare address.
    return safe.replace("://", "\\://").replace("www.", "www\\.")


def _thanks(people: Sequence[str], style: Structure) -> str:
    shown = [escaped(plain(name, 80), style.markup) for name in people[:MAX_NAMES]]
    more = len(people) - len(shown)
    names = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    return f"{style.bullet} {names}\n"


def short_shas(changes: Iterable[Change]) -> dict[str, str]:
    """From the first nine digits of a commit, and its first seven where they are its own, to the change of the
    range that it is, or came with."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for change in changes:
        for sha in (*change.merged_shas, change.sha):
            short = sha[:7]
            if short in seen:
                found.pop(short, None)
            else:
                found[short] = change.sha
            seen.add(short)
            found[sha[:9]] = change.sha
    return found
