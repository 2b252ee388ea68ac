"""What a store refuses, apart from `calls.interfaces.LogUnavailable`."""

from trebuchet.base.errors import LocalError


class RowConflict(LocalError):
    """A row contradicts one that is there: an event number or an enabled phone number twice, an event without its
    call. Nothing of the batch was stored."""

    code = "row-conflict"


class RowUnstorable(LocalError):
    """A value no row can hold, such as half a surrogate pair. Nothing of the batch was stored."""

    code = "row-unstorable"
