"""Clients that cannot run here, replayed: their requests from tables, their ways of writing and reading."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from support.client_rules import CSharp, Java, Json, Ruby, Rules
from support.server import SECRET, TOKEN
from support.stage import Stage

RULES: dict[str, Rules] = {"ruby": Ruby(), "java": Java(), "c#": CSharp()}
LIMIT_S = 20.0
CREATE = {"object", "id", "ordered", "made"}
A_CALL = "/calls/{}"
"""What is made there is another call, by a transfer; everywhere else it is below."""


@dataclass(frozen=True, slots=True)
class Row:
    """One method of a client: what it sends, and what it does with the answer.

    `adds`: members of the body (the query, for GET and `list`) that come from the client.
    `then` may say: `object`, it gets what the Location leads to; `id`, it cuts the id from the Location; `again`, it
    gets the same path afterwards; `list`, it turns pages in its own way; `file`, the answer is not parsed; `typed`, it
    sends values in the types it read; `bare`, no body at all; `ordered`, the arguments are a query and the body is an
    empty string; `made`, something is created by what is asked for.
    """

    name: str
    method: str
    path: str
    adds: Json
    then: frozenset[str]


def read_rows(table: str, bodies: Mapping[str, str]) -> dict[str, Row]:
    """Rows by our words for them; `bodies` are the names of longer ones."""
    rows: dict[str, Row] = {}
    for line in table.strip().splitlines():
        words, name, request, *rest = (part.strip() for part in line.split("|"))
        adds, then, *_ = [*rest, "", ""]
        method, path = request.split()
        assert words not in rows, f"{words} stands twice"
        rows[words] = Row(name, method, path, json.loads(bodies.get(adds, adds) or "{}"), frozenset(then.split()))
    return rows


@dataclass
class Replay:
    """One of the clients; `await ruby("get a call", call_id)`."""

    rules: Rules
    rows: Mapping[str, Row]
    http: httpx.AsyncClient
    base: str
    """URL of the account."""

    @property
    def name(self) -> str:
        return self.rules.name

    async def __call__(self, words: str, *arguments: Any, status: int | None = None, **raw: Any) -> Any:
        """Ids, and a body or query as the last. `status`: what is refused, whose body is the result then; otherwise
        the row says what is. `raw` goes into the request as it is (`content`, `headers`)."""
        row = self.rows[words]
        *ids, given = arguments if arguments and isinstance(arguments[-1], dict) else (*arguments, {})
        url = self._url(row.path.format(*ids))
        if "list" in row.then and status is None:
            return await self._pages(url, self.rules.ask(row.adds | given))
        response = await self.http.request(row.method, url, **(self._request(row, given) | raw))
        if status is not None:
            assert response.status_code == status, (row, response.text)
            return self.rules.read(response)
        return await self._result(row, url, response)

    async def new(self, words: str, *arguments: Any, **raw: Any) -> str:
        """The id of what is created, also by a client that reads the whole of it."""
        made = await self(words, *arguments, **raw)
        return str(made if isinstance(made, str) else made["id"])

    def _url(self, path: str) -> str:
        return self.base.partition("/v1/")[0] + path if path.startswith("/v1/") else self.base + path

    def _request(self, row: Row, given: Json) -> dict[str, Any]:
        whole = row.adds | given
        if row.method in ("GET", "DELETE"):
            return {"params": self.rules.ask(whole) or None}
        if "bare" in row.then or row.method == "PUT":
            return {}
        typed = {"headers": {"Content-Type": self.rules.json_type}}
        if "ordered" in row.then:
            return typed | {"params": self.rules.ask(whole), "json": ""}
        return typed | {"json": self.rules.write(whole, as_it_is="typed" in row.then)}

    async def _result(self, row: Row, url: str, response: httpx.Response) -> Any:
        assert response.status_code == (201 if CREATE & row.then else 200), (row, response.status_code, response.text)
        self._check(response)
        if "again" in row.then:
            response = await self.http.get(url)
        if "object" in row.then:
            response = await self.http.get(f"{url}/{self.rules.id_in(response.headers['location'], url)}")
        if "id" in row.then:
            beside = url.rpartition("/")[0] if row.path == A_CALL else url
            return self.rules.id_in(response.headers["location"], beside)
        return response if "file" in row.then else self.rules.read(response)

    def _check(self, response: httpx.Response) -> None:
        """What all clients rely on."""
        if not response.content and response.request.method == "POST":
            assert "content-type" not in response.headers, "one would parse the empty text"
        location = response.headers.get("location", self.base)
        assert location.startswith(self.base) and not location.endswith("/") and "?" not in location

    async def _pages(self, url: str, query: Json) -> list[Any]:
        """As far as this client turns them."""
        found: list[Any] = []
        page: tuple[str, Json] | None = (url, query)
        while page is not None:
            response = await self.http.get(page[0], params=page[1] or None)
            assert response.status_code == 200, response.text
            found += self.rules.read(response)
            page = self.rules.next_page(response, page[1])
        return found


@asynccontextmanager
async def replayed(stage: Stage, name: str, rows: Mapping[str, Row]) -> AsyncIterator[Replay]:
    rules = RULES[name]
    async with httpx.AsyncClient(headers=rules.headers, auth=(TOKEN, SECRET), timeout=LIMIT_S) as http:
        yield Replay(rules, rows, http, stage.server.user_url)
