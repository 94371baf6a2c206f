"""Issues made by a seeded generator: no row of them was ever written by a person."""

import random
from datetime import UTC, datetime, timedelta

from contracts.bugs import Issue

PARTS = {
    "parser": ("ParseTreeBuilder", "token", "grammar", "comma"),
    "store": ("BlobStoreClient", "bucket", "upload", "checksum"),
    "shell": ("PromptRenderer", "history", "keybinding", "cursor"),
}
KINDS = {
    "bug": ("crashes with", "throws an exception in", "returns the wrong result for", "fails after upgrading"),
    "feature": ("please add support for", "it would be nice to have", "allow to configure", "propose an option for"),
    "question": ("how do I use", "is it possible to set", "what is the meaning of", "where can I find"),
}
PRIORITIES = {"Blocker": "data loss in production", "Major": "annoying", "Trivial": "typo in the documentation of"}
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)


def issues(count: int, seed: int = 7) -> list[Issue]:
    """`count` issues a few hours apart, oldest first. Their words tell kind, priority and component; one in ten of the
    bugs is the same as one before it, said in other words."""
    made, chance = list[Issue](), random.Random(seed)
    for at in range(count):
        bugs = [each for each in made if each.kind == "bug"]
        twin = chance.choice(bugs) if bugs and chance.random() < 0.1 else None
        made.append(_again(at, twin, chance) if twin else _fresh(at, chance))
    return made


def _fresh(at: int, chance: random.Random) -> Issue:
    kind, part, priority = (chance.choice(list(each)) for each in (KINDS, PARTS, PRIORITIES))
    words = [*PARTS[part]]
    chance.shuffle(words)
    code = f"E{chance.randrange(10_000):04}Exception"
    return Issue(
        key=f"GEN-{at}",
        project=chance.choice(("alpha", "beta")),
        title=f"{chance.choice(KINDS[kind])} {words[0]} {words[1]} {code if kind == 'bug' else ''}".strip(),
        body=f"### What happened\n\n{PRIORITIES[priority]} {words[2]} {words[3]}\n\n```\n{code} at {words[0]}\n```\n",
        created=BEGAN + timedelta(hours=5 * at),
        author=f"person{chance.randrange(9)}",
        kind=kind,
        priority=priority,
        component=part,
    )


def _again(at: int, twin: Issue, chance: random.Random) -> Issue:
    code = twin.title.rpartition(" ")[2]
    update = {
        "key": f"GEN-{at}",
        "title": f"{chance.choice(KINDS['bug'])} {twin.component}: {code}",
        "body": f"Seen again today.\n\n```\n{code}\n```\n",
        "created": BEGAN + timedelta(hours=5 * at),
        "duplicates": (twin.key,),
    }
    return twin.model_copy(update=update)
