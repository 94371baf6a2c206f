"""Tables as people export them: how their text is written down, and what stands between the cells."""

from pathlib import Path

UTF_16 = (b"\xff\xfe", b"\xfe\xff")
SEPARATORS = ",;\t|"


def encoding_of(path: Path) -> str:
    """UTF-16 where its mark stands first (Excel's "Unicode text"); else UTF-8, with a mark or without. OSError."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in UTF_16 else "utf-8-sig"


def separator_of(heading: str) -> str:
    """What stands between the names of a heading: the commonest of comma, semicolon, tab and bar."""
    return max(SEPARATORS, key=heading.count)
