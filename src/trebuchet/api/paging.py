"""Pages of lists: the query's `page` and `size`, and the `Link` header that leads to their neighbours."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from trebuchet.api.fields import Body, integer
from trebuchet.store.interface import Page

DEFAULT_SIZE = 25
MAX_SIZE = 1000
MAX_PAGE = 10**9
"""Pages beyond are all equally empty; the bound keeps offsets inside a database's integers."""


class PageQuery(Body):
    """`page` counts from 0; a `size` of 0 means the default."""

    resource = "page"
    page: integer(0) = 0  # type: ignore[valid-type]  # a type made by a function, for pydantic alone
    size: integer(0, MAX_SIZE) = DEFAULT_SIZE  # type: ignore[valid-type]  # likewise

    def to_page(self) -> Page:
        return Page(min(self.page, MAX_PAGE), self.size or DEFAULT_SIZE)


def link_header(url: str, filters: Sequence[tuple[str, str]], page: Page, *, has_next: bool) -> str | None:
    """The `Link` header's text for one page of a list at `url`, or `None` when all fits on one.

    One `;` in each entry, relation in double quotes, no comma or semicolon in the URLs (they are percent-encoded).
    """
    if not has_next and page.page == 0:
        return None
    relations = [("first", 0)]
    if page.page > 0:
        relations.append(("previous", page.page - 1))
    if has_next:
        relations.append(("next", page.page + 1))

    def entry(relation: str, number: int) -> str:
        query: list[tuple[str, Any]] = [*filters, ("page", number), ("size", page.size)]
        return f'<{url}?{urlencode(query)}>; rel="{relation}"'

    return ", ".join(entry(relation, number) for relation, number in relations)
