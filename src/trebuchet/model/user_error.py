"""What went wrong for a customer, kept where he can read it: failed requests and failed webhooks."""

from dataclasses import dataclass
from datetime import datetime

from trebuchet.base.ids import AccountId, UserErrorId


@dataclass(frozen=True, slots=True, kw_only=True)
class UserError:
    id: UserErrorId
    account_id: AccountId
    at: datetime
    category: str
    code: str
    message: str
    details: tuple[tuple[str, str], ...] = ()
    """(name, value) pairs in order."""
