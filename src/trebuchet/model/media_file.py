"""Files a customer has uploaded."""

from datetime import datetime

from trebuchet.base.ids import AccountId, MediaFileId
from trebuchet.base.values import frozen_keywords

FOLDER = ".uploads"
"""Below the account's media folder: hidden there, so that no uploaded name can meet one of ours."""


@frozen_keywords
class MediaFile:
    """One uploaded file. Its bytes lie under an id of ours; the customer's name, which may hold anything, is never
    part of a path. Uploading again makes a new file with a new id and the same name."""

    id: MediaFileId
    account_id: AccountId
    name: str
    size_bytes: int
    content_type: str
    cache_control: str | None
    uploaded_at: datetime

    @property
    def place(self) -> str:
        """Where the bytes are, from the account's media folder."""
        return f"{FOLDER}/{self.id}"
