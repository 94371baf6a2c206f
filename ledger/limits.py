"""Limits of how many effects may begin in which time, counted over the effects themselves."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contracts.effects import EffectLimit, EffectUsage
from contracts.errors import OverLimit
from contracts.records import EffectRecord
from ledger.schema import effects

LOOK_AGAIN = 15 * 60.0  # seconds at most until a held effect is tried again: the operator may have raised the limit


def usage(connection: Connection, limit: EffectLimit, now: datetime, destination: str = "") -> EffectUsage:
    """How far a limit is used at `now`. `destination`: for one that holds for each by itself."""
    window = timedelta(seconds=limit.seconds)
    counted = effects.c.counted_at > now - window
    if limit.kind != "*":
        counted = sa.and_(counted, effects.c.kind == limit.kind)
    where = destination if limit.destination == "*" else limit.destination
    if where:
        counted = sa.and_(counted, effects.c.subject == where)
    used = connection.scalar(sa.select(sa.func.count()).where(counted).select_from(effects)) or 0
    free_at = None
    if used >= limit.most:
        times = sa.select(effects.c.counted_at).where(counted).order_by(effects.c.counted_at)
        leaving = connection.scalar(times.offset(used - limit.most).limit(1))
        free_at = leaving + window if leaving is not None else None
    return EffectUsage(limit=limit, used=used, destination=where, free_at=free_at)


def busiest(connection: Connection, limit: EffectLimit, now: datetime) -> str:
    """The destination at which most of the effects of a limit began."""
    count = sa.func.count()
    query = sa.select(effects.c.subject).where(effects.c.counted_at > now - timedelta(seconds=limit.seconds))
    if limit.kind != "*":
        query = query.where(effects.c.kind == limit.kind)
    return connection.scalar(query.group_by(effects.c.subject).order_by(count.desc()).limit(1)) or ""


def over_limit(
    connection: Connection, limits: Sequence[EffectLimit], record: EffectRecord, now: datetime
) -> OverLimit | None:
    """Why an effect may not begin now, by the limit that holds it longest. None: it may."""
    covering = [limit for limit in limits if limit.covers(record.kind, record.subject)]
    found = [usage(connection, limit, now, record.subject) for limit in covering]
    full = [(each.free_at, each) for each in found if each.free_at is not None]
    if not full:
        return None
    until, longest = max(full, key=lambda pair: pair[0])
    where = f" at {record.subject}" if longest.destination else ""
    return OverLimit(
        f"The limit {longest.limit} is reached{where}: held until {until:%Y-%m-%d %H:%M:%S} UTC.",
        subject=record.key,
        way_out="It goes on by itself then. COUNTERSIGN_EFFECT_LIMITS of the effects' worker sets the limit.",
        retry_after=min(max((until - now).total_seconds(), 0.0) + 0.05, LOOK_AGAIN),
    )
