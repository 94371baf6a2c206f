"""Salesforce's REST, as far as deals go: SOQL queries in pages, records, OAuth's client credentials.

Paths, status codes and bodies of errors are those of https://developer.salesforce.com/docs (REST API, version 59).
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.support.services.wire import Trouble, path_of, query_of, said, token_of
from tests.support.tls_host import Answer, Host, Seen, serving

TOKEN = "00Dsentinel!salesforce-7788"
KEY, SECRET = "3MVGconsumer", "sentinel-consumer-secret-99"
DATA = "/services/data/v59.0"
PAGE = 2
ID = "006000000000001AAA"


def error(code: str, message: str, status: int) -> Answer:
    return said([{"message": message, "errorCode": code}], status)


@dataclass
class StandInSalesforce:
    """Records by their kind; `unknown`: fields that the organisation doesn't have."""

    host: Host
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    fields: dict[str, str] = field(default_factory=dict)  # of opportunities, with what people call each
    trouble: Trouble | None = None
    after: Trouble | None = None  # makes an answer fail after what was asked has been done
    queries: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"localhost:{self.host.port}"

    def act(self, seen: Seen) -> Answer:
        if self.trouble is not None and (answer := self.trouble(seen)) is not None:
            return answer
        answer = self._act(seen)
        return self.after(seen) or answer if self.after is not None else answer

    def _act(self, seen: Seen) -> Answer:
        path = path_of(seen)
        if path == "/services/oauth2/token":
            return self._token(seen)
        if token_of(seen, "Bearer ") != TOKEN:
            return error("INVALID_SESSION_ID", "Session expired or invalid", 401)
        if path == f"{DATA}/sobjects/Opportunity/describe":
            fields = [{"name": name, "label": label} for name, label in self.fields.items()]
            owner = {"name": "OwnerId", "label": "Owner ID", "relationshipName": "Owner"}
            return said({"name": "Opportunity", "fields": [owner, *fields]})
        if path in (f"{DATA}/query/", f"{DATA}/queryAll/"):
            return self._query(query_of(seen)["q"], "queryAll" in path)
        if found := re.fullmatch(rf"{DATA}/query/01g(\d+)-(\d+)", path):
            return self._page(self.queries[int(found[1])], int(found[1]), int(found[2]))
        if found := re.fullmatch(rf"{DATA}/sobjects/(\w+)/(\w*)", path):
            return self._record(seen, found[1], found[2])
        return error("NOT_FOUND", "The requested resource does not exist", 404)

    def _token(self, seen: Seen) -> Answer:
        asked = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        if (asked.get("client_id"), asked.get("client_secret")) != (KEY, SECRET):
            return said({"error": "invalid_client", "error_description": "invalid client credentials"}, 400)
        return said({"access_token": TOKEN, "instance_url": f"https://{self.place}", "token_type": "Bearer"})

    def _query(self, query: str, everything: bool) -> Answer:
        if strange := next((name for name in sorted(self.unknown) if name in query), ""):
            return error("INVALID_FIELD", f"No such column '{strange}' on entity 'Opportunity'.", 400)
        selected = query.removeprefix("SELECT ").partition(" FROM ")[0].split(", ")
        if " FROM Opportunity " in query and self.fields:
            strange = next((each for each in selected if "." not in each and each not in self.fields), "")
            if strange:
                return error("INVALID_FIELD", f"No such column '{strange}' on entity 'Opportunity'.", 400)
        self.queries.append(f"{query} ALL" if everything else query)
        return self._page(self.queries[-1], len(self.queries) - 1, 0)

    def _page(self, query: str, number: int, start: int) -> Answer:
        kind = re.search(r" FROM (\w+)", query)
        rows = self.records.get(kind[1] if kind else "", [])
        if found := re.search(r"WhatId = '(\w+)'", query):
            rows = [each for each in rows if each.get("WhatId") == found[1]]
        for name, wanted in re.findall(r"(\w+) = (true|false)", query):
            rows = [each for each in rows if each.get(name, wanted == "true") is (wanted == "true")]
        if not query.endswith(" ALL"):
            rows = [each for each in rows if not each.get("IsArchived") and not each.get("IsDeleted")]
        if found := re.search(r"ORDER BY (\w+) DESC", query):
            rows = sorted(rows, key=lambda each: str(each.get(found[1])), reverse=True)
        more = start + PAGE < len(rows)
        body = {"totalSize": len(rows), "done": not more, "records": rows[start : start + PAGE]}
        return said(body | ({"nextRecordsUrl": f"{DATA}/query/01g{number}-{start + PAGE}"} if more else {}))

    def _record(self, seen: Seen, kind: str, key: str) -> Answer:
        rows = self.records.setdefault(kind, [])
        if seen.method == "POST":
            made = {"Id": f"00T{len(rows):012}AAA", **json.loads(seen.body)}
            rows.append(made)
            return said({"id": made["Id"], "success": True, "errors": []}, 201)
        row = next((each for each in rows if each["Id"] == key), None)
        if row is None:
            return error("NOT_FOUND", "Provided external ID field does not exist or is not accessible", 404)
        if seen.method == "PATCH":
            row.update(json.loads(seen.body))
            return Answer(b"", 204)
        return said(row)


@asynccontextmanager
async def standin_salesforce(pem: Path) -> AsyncIterator[StandInSalesforce]:
    """Started on a free port, as `localhost`."""
    made = StandInSalesforce(Host())
    made.host.act = made.act
    async with serving(made.host.serve, pem) as port:
        made.host.port = port
        yield made
