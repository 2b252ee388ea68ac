"""One authenticated request: what handlers are given."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from trebuchet.api.body import read_json_object, read_optional_object
from trebuchet.api.dependencies import ApiDependencies
from trebuchet.api.fields import Model, read_object
from trebuchet.api.idempotency import KeyedRun
from trebuchet.api.location import base_url
from trebuchet.api.paging import link_header
from trebuchet.api.responses import empty, json_response
from trebuchet.base.ids import CallId
from trebuchet.model.account import Account
from trebuchet.store.interface import Batch, Page

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Context:
    deps: ApiDependencies
    account: Account
    """Whose request it is; the path's user is the same."""
    request: Request
    keyed: KeyedRun | None = None
    """For a request with an idempotency key: `deps.ids` gives the ids that were reserved with the key."""

    @property
    def reserved_call_id(self) -> CallId | None:
        """The id for the call that the request makes; `None`: any."""
        return self.deps.ids.call() if self.keyed is not None else None

    async def commit(
        self, changes: Batch, answer: Response, *, write: Callable[[Batch], Awaitable[None]] | None = None
    ) -> Response:
        """Writes the changes and, for a request with an idempotency key, the answer in the same unit of work. Raises
        what the store raises. `write`: how, if not just so."""
        write = write or self.deps.store.write
        if self.keyed is None:
            await write(changes)
            return answer
        await write(self.keyed.note(answer, changes))
        self.keyed.is_stored = True
        return answer

    @property
    def user_url(self) -> str:
        """The absolute URL under which all resources of the account are."""
        return f"{base_url(self.deps, self.request.scope)}/v1/users/{quote(self.account.id, safe='')}"

    def path(self, name: str) -> str:
        """A variable of the path, percent-decoded."""
        value: str = self.request.path_params[name]
        return value

    async def body(self, model: type[Model]) -> Model:
        """The JSON body. Raises `ApiError`."""
        return read_object(model, await read_json_object(self.request))

    async def optional_body(self, model: type[Model]) -> Model:
        """The same where nothing need be sent. Raises `ApiError`."""
        return read_object(model, await read_optional_object(self.request))

    def query(self, model: type[Model]) -> Model:
        """The query; empty parameters count as not sent. Raises `ApiError`."""
        return read_object(model, {key: value for key, value in self.request.query_params.items() if value})

    def created(self, path: str) -> Response:
        """201 with the Location of a new resource below the account."""
        return empty(location=f"{self.user_url}{path}")

    def listed(
        self,
        path: str,
        rows: Sequence[Row],
        page: Page,
        filters: Sequence[tuple[str, str]],
        to_wire: Callable[[Row, str], Any],
    ) -> Response:
        """One page of the list at `path` (below the account). `rows` holds one row more if another page follows."""
        user_url = self.user_url
        link = link_header(user_url + path, filters, page, has_next=len(rows) > page.size)
        items = [to_wire(row, user_url) for row in rows[: page.size]]
        return json_response(items, headers=[("link", link)] if link else [])
