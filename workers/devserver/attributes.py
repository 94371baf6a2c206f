"""Search attributes that an existing server lacks are added, or the command is said that adds them."""

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

from contracts.errors import TemporalUnavailable
from contracts.search import TYPES

KINDS = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Double": IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
}


async def missing_search_attributes(client: Client) -> dict[str, str]:
    """Those the namespace lacks, with the names of their types. Raises RPCError."""
    request = ListSearchAttributesRequest(namespace=client.namespace)
    there = (await client.operator_service.list_search_attributes(request)).custom_attributes
    return {name: kind for name, kind in TYPES.items() if name not in there}


async def ensure_search_attributes(client: Client) -> list[str]:
    """Add the missing ones; their names. Raises TemporalUnavailable with the command if that is not allowed."""
    missing: dict[str, str] = dict(TYPES)
    try:
        missing = await missing_search_attributes(client)
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=client.namespace,
                    search_attributes={name: KINDS[kind] for name, kind in missing.items()},
                )
            )
    except RPCError as error:
        if _is_transient(error):
            raise
        raise _refused(client, missing, error) from error
    return sorted(missing)


def command(namespace: str, attributes: dict[str, str]) -> str:
    """The command that adds search attributes by hand."""
    pairs = " ".join(f"--name {name} --type {kind}" for name, kind in sorted(attributes.items()))
    return f"temporal operator search-attribute create --namespace {namespace} {pairs}"


def _is_transient(error: RPCError) -> bool:
    return error.status.name in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")


def _refused(client: Client, missing: dict[str, str], error: RPCError) -> TemporalUnavailable:
    return TemporalUnavailable(
        f"The namespace {client.namespace!r} lacks search attributes ({', '.join(sorted(missing))}), and adding "
        f"them was refused: {error.message}.",
        subject=client.namespace,
        way_out=f"Have somebody who may run: {command(client.namespace, missing)}",
    )
