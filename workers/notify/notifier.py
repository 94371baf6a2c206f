"""The loop: what is new, who is due, send, write down what became of it.

A message is claimed with a lease before it is sent, and marked as sent right after. A process that dies between the two
leaves a claim that runs out, and the message is sent once more under the same id. It can't be sent less than once.
"""

import asyncio
import logging
import random
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from contracts.digests import short
from contracts.errors import CountersignError, NotFound, NotSent, Undeliverable
from contracts.notify import MOST_ITEMS, Channel, Defaults, Item, Message, Notice, Preference, ordered
from ledger import Ledger
from workers.notify.channel import Channels
from workers.notify.occasions import PROPOSALS, Occasions

log = logging.getLogger(__name__)
PERIOD = 5.0
LOOKS = 60.0  # seconds between two looks for what time alone has brought about
LEASE = timedelta(minutes=5)  # longer than any channel tries
FIRST_WAIT, LONGEST_WAIT = 30.0, 3600.0  # seconds
MOST_ATTEMPTS = 24  # about a day
AT_ONCE = 8


class Notifier:
    """Tells people. Two of them do no harm."""

    def __init__(self, ledger: Ledger, channels: Channels, defaults: Defaults, url: str) -> None:
        self.ledger, self.channels, self.defaults, self.url = ledger, channels, defaults, url.rstrip("/")
        self.occasions = Occasions(ledger, defaults, tuple(channels))

    async def run(self) -> None:
        """Until cancelled. An error is logged and does not end it."""
        loop, looked = asyncio.get_running_loop(), float("-inf")
        while True:
            try:
                if loop.time() - looked >= LOOKS:
                    looked = loop.time()
                    await asyncio.to_thread(self.occasions.look)
                await self.once()
            except (CountersignError, OSError) as error:
                log.warning("The notifier goes on after: %s", error)
            except Exception:
                log.exception("The notifier goes on after a mistake of its own")
            await asyncio.sleep(PERIOD)

    async def once(self) -> None:
        """Everything that is to be said now."""
        groups = await asyncio.to_thread(self._due)
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(person: str, channel: Channel, notices: Sequence[Notice]) -> None:
            async with turns:
                await self._tell(person, channel, notices)

        await asyncio.gather(*(one(*group) for group in groups))

    def _due(self) -> list[tuple[str, Channel, list[Notice]]]:
        """What is pending for each person and channel, where something of it is due."""
        self.occasions.follow()
        groups: dict[tuple[str, Channel, bool], list[Notice]] = defaultdict(list)
        for each in self.ledger.notices():
            groups[each.person, each.channel, each.reason == "verify"].append(each)
        now = self.ledger.clock()
        return [
            (person, channel, found)
            for (person, channel, _), found in groups.items()
            if channel not in self.channels or self._is_due(person, found, now)
        ]

    def _is_due(self, person: str, notices: Sequence[Notice], now: datetime) -> bool:
        if any(each.message for each in notices):  # begun before: only its own time counts
            return all((each.next_at or now) <= now and (each.lease_until or now) <= now for each in notices)
        wish = self._preference(person)
        return wish is None or any(wish.due(each) <= now for each in notices)

    def _preference(self, person: str) -> Preference | None:
        try:
            return self.ledger.preference(person, self.defaults)
        except NotFound:
            return None

    async def _tell(self, person: str, channel: Channel, notices: Sequence[Notice]) -> None:
        wanted = await asyncio.to_thread(self._wanted, person, channel, notices)
        if not wanted:
            return
        until = self.ledger.clock() + LEASE
        keys = [each.key for each in wanted]
        claimed = await asyncio.to_thread(self.ledger.claim_notices, person, channel, keys, uuid.uuid4().hex, until)
        if not claimed:
            return
        number = claimed[0].message
        try:
            to, message = await asyncio.to_thread(self._message, person, channel, claimed)
            await self.channels[channel].send(to, message)
        except Undeliverable as error:
            await asyncio.to_thread(self.ledger.end_message, number, "failed", str(error), claimed)
        except CountersignError as error:
            await asyncio.to_thread(self._put_off, claimed, error)
        except Exception as error:  # a mistake of ours in one channel must not hold up the others
            log.exception("Sending %s went wrong", channel)
            await asyncio.to_thread(self._put_off, claimed, NotSent(f"It went wrong here: {type(error).__name__}."))
        else:
            await asyncio.to_thread(self.ledger.end_message, number, "sent", "", claimed)

    def _wanted(self, person: str, channel: Channel, notices: Sequence[Notice]) -> list[Notice]:
        """What is still to be told: the world may have moved on since. The rest is dropped, with the reason."""
        wish, wanted, dropped = self._preference(person), list[Notice](), list[tuple[Notice, str]]()
        for each in notices:
            why = "they are not enrolled any more" if wish is None else self.occasions.unwanted(each)
            if channel not in self.channels:
                why = "this channel is not set up any more"
            if wish is not None and channel not in wish.channels and each.reason not in ("test", "verify"):
                why = "they do not want to be told this way any more"
            if why:
                dropped.append((each, why))
            else:
                wanted.append(each)
        if dropped:
            self.ledger.drop_notices(dropped)
        return wanted

    def _message(self, person: str, channel: Channel, claimed: Sequence[Notice]) -> tuple[str, Message]:
        wish = self.ledger.preference(person, self.defaults)
        items, code, to = ordered(claimed), "", wish.address(channel)
        if claimed[0].reason == "verify":
            to, code = self.ledger.new_code(person)
        if not to:
            raise Undeliverable("There is no address to send it to any more.", subject=person)
        message = Message(
            id=claimed[0].message,
            person=person,
            greeting=self.ledger.person(person).display_name,
            items=tuple(self._item(each) for each in items[:MOST_ITEMS]),
            more=max(len(items) - MOST_ITEMS, 0),
            inbox=f"{self.url}/",
            preferences=f"{self.url}/notify",
            made_at=self.ledger.clock(),
            code=code,
        )
        return to, message

    def _item(self, notice: Notice) -> Item:
        link = f"{self.url}/"
        if notice.reason in PROPOSALS:
            link = f"{self.url}/proposals/{short(notice.revision.partition('/')[0])}"
        elif notice.run:
            link = f"{self.url}/runs/{quote(notice.run, safe='')}"
        fields = notice.model_dump(include={"reason", "title", "workflow", "says", "critical", "until"})
        return Item(link=link, **fields)

    def _put_off(self, claimed: Sequence[Notice], error: CountersignError) -> None:
        """Try again: after what was asked for, or twice as long as the last time. Given up in the end, in words."""
        attempts = max(each.attempts for each in claimed)
        if attempts >= MOST_ATTEMPTS:
            self.ledger.end_message(claimed[0].message, "failed", f"Given up after {attempts} tries. {error}", claimed)
            return
        asked = error.retry_after if isinstance(error, NotSent) else None
        wait = min(FIRST_WAIT * 2 ** (attempts - 1), LONGEST_WAIT) * random.uniform(1, 1.2)  # noqa: S311
        wait = max(wait, asked or 0.0)
        self.ledger.put_off_message(claimed[0].message, self.ledger.clock() + timedelta(seconds=wait), str(error))
