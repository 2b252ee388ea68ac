"""What went wrong for a customer, kept where he can read it: failed requests and failed webhooks."""

from datetime import datetime

from trebuchet.base.ids import AccountId, UserErrorId
from trebuchet.base.values import frozen_keywords


@frozen_keywords
class UserError:
    id: UserErrorId
    account_id: AccountId
    at: datetime
    category: str
    code: str
    message: str
    details: tuple[tuple[str, str], ...] = ()
    """(name, value) pairs in order."""
