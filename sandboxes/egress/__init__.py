"""The way out of sandboxes with a list of hosts: a broker for each, run by the worker (docs/egress.md)."""

import ssl
from functools import cached_property

from contracts.errors import SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes.egress import addresses, upstream
from sandboxes.egress.addresses import Resolve
from sandboxes.egress.broker import Broker
from sandboxes.egress.budget import Budget
from sandboxes.egress.listen import Entrance
from sandboxes.egress.operator import Credential, Operator
from sandboxes.egress.record import OnRequest, Request

__all__ = ["Broker", "Credential", "Egress", "Operator", "Request", "required"]


class Egress:
    """What brokers of one worker share. `on_request` is told of each request and returns when that is kept."""

    def __init__(self, on_request: OnRequest, operator: Operator | None = None, *, ask: Resolve | None = None) -> None:
        self.operator = operator or Operator()
        self._on_request = on_request
        self._ask = ask or addresses.resolve
        self._entrance = Entrance()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        try:
            return upstream.context(self.operator.authorities)
        except OSError as error:
            raise SandboxUnavailable(
                f"The certificate authorities in {str(self.operator.authorities)!r} can't be read: {error}.",
                subject=str(self.operator.authorities),
                way_out="Point COUNTERSIGN_EGRESS_AUTHORITIES at a PEM file.",
            ) from error

    def broker(self, policy: SandboxPolicy, *, sandbox: str, owner: str) -> Broker:
        """A broker for one sandbox. Raises BadInput for a credential that isn't there or may not go where it is
        to go, SandboxUnavailable."""
        budget = Budget(policy.egress_bytes)
        return Broker(
            policy,
            sandbox=sandbox,
            owner=owner,
            secrets={entry: self.operator.secret(entry) for entry in policy.allow},
            budget=budget,
            upstream=upstream.Upstream(self.operator.private, self._ask, budget, self._context),
            entrance=self._entrance,
            on_request=self._on_request,
        )

    def close(self) -> None:
        """End the helper process. Sandboxes that are alive keep what they have."""
        self._entrance.close()


def required(egress: Egress | None) -> Egress:
    """The broker's maker of a provider, or SandboxUnavailable: a list without one would be no way out at all."""
    if egress is None:
        raise SandboxUnavailable(
            'A sandbox with network="allow" needs a broker, and this provider was given none.',
            subject='network="allow"',
            way_out="Give `Egress` to the provider where it is made.",
        )
    return egress
