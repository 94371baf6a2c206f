"""Who is suggested for an issue: whoever knows the files, less the more they have to do already. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping

from activities.bug_triage.states import is_open
from contracts.bug_triage import Assignee, Located
from contracts.bugs import Issue

LEAST_SHARE = 0.1
LEAST_OF_PART = 3
HALVES = 10.0  # open issues that halve what somebody's knowledge counts


def loads(issues: Iterable[Issue]) -> Counter[str]:
    """How many open issues everybody has."""
    return Counter(each.assignee for each in issues if each.assignee and is_open(each))


def by_part(issues: Iterable[Issue]) -> Mapping[str, Counter[str]]:
    """Who had how many issues of each component, for issues of which no file is known."""
    found: dict[str, Counter[str]] = {}
    for each in issues:
        if each.component and each.assignee:
            found.setdefault(each.component, Counter())[each.assignee] += 1
    return found


def suggested(
    located: Located | None,
    component: str,
    load: Mapping[str, int],
    parts: Mapping[str, Counter[str]],
    given: Counter[str],
    names: Mapping[str, str],
) -> Assignee:
    """Who, and why. `given`: what this proposal gives to whom already, so that not all of it goes to one."""
    known = [each for each in (located.owners if located else ()) if each.who and each.share >= LEAST_SHARE]
    candidates = {each.who: (each.share, f"{each.why}") for each in known}
    if not candidates and component in parts:
        had, total = parts[component], sum(parts[component].values())
        candidates = {
            who: (count / total, f"had {count} of {total} issues of {component}")
            for who, count in had.most_common(5)
            if count >= LEAST_OF_PART
        }
    if not candidates:
        unknown = [each.name for each in (located.owners if located else ())[:1]]
        return Assignee(
            why=f"{unknown[0]} knows the files, and is nobody there." if unknown else "Nobody is known for it."
        )

    def worth(who: str) -> float:
        return candidates[who][0] / (1 + (load.get(who, 0) + given[who]) / HALVES)

    who = min(candidates, key=lambda each: (-worth(each), each))
    has = load.get(who, 0) + given[who]
    why = f"{candidates[who][1]}; has {has} open issue{'' if has == 1 else 's'}"
    most = max(candidates, key=lambda each: candidates[each][0])
    if most != who:
        why += f"; {names.get(most, most)} knows it better and has {load.get(most, 0) + given[most]}"
    return Assignee(who=who, name=names.get(who, who), why=why)
