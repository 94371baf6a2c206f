"""Where tickets come from: files, Zendesk, Intercom and mailboxes, all behind one protocol."""

from activities.support_triage.sources.opening import opened
from activities.support_triage.sources.protocol import Page, Source

__all__ = ["Page", "Source", "opened"]
