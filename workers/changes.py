"""A change of settings is an entry: each process compares, at its start, what it is set to with what was written last.

Values that are or may hold a secret are not in it, nor a digest of one: only whether they are set.
"""

import os
import re
from collections.abc import Mapping

from pydantic import JsonValue

from contracts.records import SETTINGS_CHANGED
from ledger import Ledger
from workers.notes import system_entry
from workers.settings import Settings

# Besides the settings of ours: what chooses models and machines, by the names that their providers gave it.
OTHERS = re.compile(
    r"COUNTERSIGN_(MODEL(_[A-Z]+)?|PRICES_OF|ALLOW_UNPRICED|HOSTED_SANDBOXES)|[A-Z_]+_(BASE_URL|ENDPOINT_URL_[A-Z_]+)"
    r"|AWS_(DEFAULT_)?REGION|(HTTPS?|NO)_PROXY"
)
SECRET = {name for name, field in Settings.model_fields.items() if not field.repr}
USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
LONGEST = 2000


def tell(ledger: Ledger, process: str, settings: Settings, environ: Mapping[str, str] = os.environ) -> bool:
    """Write down what is set otherwise than the last time that a process of this kind began. Whether anything is."""
    now, name = effective(settings, environ), f"{SETTINGS_CHANGED}.{process}"
    told = ledger.entries(kind="system", words=name, limit=1, newest_first=True)
    before = told[0].facts.get("settings") if told else None
    known = before if isinstance(before, dict) else {}
    changed = sorted(each for each in now.keys() | known.keys() if now.get(each) != known.get(each))
    if told and not changed:
        return False
    lines = [f"{each}: {_shown(known.get(each))} → {_shown(now.get(each))}" for each in changed]
    says = f"The settings of {process} have changed: {'; '.join(lines)}" if told else f"The settings of {process}"
    facts: dict[str, JsonValue] = {"process": process, "changed": [*changed], "settings": {**now}}
    ledger.append(system_entry(name, says[:LONGEST], facts))
    return True


def effective(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Every setting by its variable, as text: given or by default."""
    found = {f"COUNTERSIGN_{name.upper()}": _told(name, value) for name, value in settings.model_dump().items()}
    return found | {name: _plain(value) for name, value in environ.items() if OTHERS.fullmatch(name) and value}


def _told(name: str, value: object) -> str:
    text = str(value)
    if name in SECRET:
        return "set" if text else ""
    return _plain(text)


def _plain(text: str) -> str:
    """Without what stands before the @ of a URL, or in its query: passwords are there."""
    text = re.sub(r"(?<=\?)[^\s,]*(password|token|key|secret)[^\s,]*", "***", text, flags=re.IGNORECASE)
    return USERINFO.sub("***", text)[:LONGEST]


def _shown(value: object) -> str:
    return repr(value) if value else "nothing"
