"""The official Python client. It blocks, so that each request runs in a thread."""

import asyncio
from collections.abc import Callable
from typing import Any

import bandwidth

from support.server import SECRET, TOKEN, USER


class PythonClient:
    """`await client.answer_call(...)` for the blocking `answer_call`; lists are read to their end. `kind`: `voice` or
    `account`."""

    def __init__(self, kind: str, base_url: str, secret: str = SECRET) -> None:
        self._client = bandwidth.client(kind, USER, TOKEN, secret, api_endpoint=base_url, api_version="v1")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            result = method(*arguments, **options)
            return list(result) if hasattr(result, "__next__") else result

        async def run(*arguments: Any, **options: Any) -> Any:
            return await asyncio.to_thread(call, *arguments, **options)

        return run
