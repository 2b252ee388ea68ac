"""The user error resource as clients read it."""

import hashlib

from typing_extensions import TypedDict

from trebuchet.api.timestamps import wire_time
from trebuchet.base.ids import ALPHABET, LENGTH
from trebuchet.model.user_error import UserError


class ErrorDetailResource(TypedDict):
    """One fact about an error; `value` is always a string."""

    id: str
    name: str
    value: str


class UserErrorResource(TypedDict):
    """Something that went wrong for the account."""

    id: str
    time: str
    category: str
    code: str
    message: str
    details: list[ErrorDetailResource]


def user_error_to_wire(error: UserError, user_url: str) -> UserErrorResource:
    """`user_url` is not shown: errors hold no URLs of ours."""
    return UserErrorResource(
        id=error.id,
        time=wire_time(error.at),
        category=error.category,
        code=error.code,
        message=error.message,
        details=[
            ErrorDetailResource(id=_detail_id(error.id, place), name=name, value=value)
            for place, (name, value) in enumerate(error.details)
        ],
    )


def _detail_id(error_id: str, place: int) -> str:
    """Details are not stored with ids, so theirs follow from the error's: the same at every reading."""
    digest = hashlib.sha256(f"{error_id}/{place}".encode()).digest()
    return "ued-" + "".join(ALPHABET[byte & 31] for byte in digest[:LENGTH])
