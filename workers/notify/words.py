"""A message as plain text and as HTML. What an agent wrote was cleaned and bounded before; here it is escaped."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from contracts.notify import Item, Message

if TYPE_CHECKING:
    from jinja2 import Template


def plain(message: Message) -> str:
    """The message as text, for mail and for whatever shows no markup."""
    if message.code:
        code = f"your code is {message.code}. It proves that this address is yours: enter it at\n{message.preferences}"
        return f"Hello {message.greeting},\n\n{code}\n\nNobody asked? Then do nothing; nothing is sent to you.\n"
    parts = [f"Hello {message.greeting},", *(_lines(each) for each in message.items)]
    if message.more:
        parts.append(f"And {message.more} more in the inbox.")
    parts.append(f"The inbox: {message.inbox}\nHow you are told: {message.preferences}")
    parts.append("Nothing happens until somebody signs it there. This message can't be answered.")
    return "\n\n".join(parts) + "\n"


def html(message: Message) -> str:
    return _template().render(message=message)


def summary(item: Item) -> str:
    """What would happen, and until when, on one line."""
    until = f"Expires {item.until:%Y-%m-%d %H:%M} UTC." if item.until else ""
    flags = "Critical." if item.critical else ""
    return " ".join(filter(None, (flags, item.says.rstrip(".") + "." if item.says else "", until)))


def _lines(item: Item) -> str:
    head = f"{item.why}: {item.title}" + (f" ({item.workflow})" if item.workflow else "")
    return "\n".join(filter(None, (head, summary(item), item.link)))


@cache
def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = str(files("workers.notify"))
    env = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    env.filters["summary"] = summary
    return env.get_template("mail.html")
