"""Times on the wire: UTC, whole seconds, `Z`; one SDK cannot read anything finer."""

from datetime import UTC, datetime


def wire_time(moment: datetime) -> str:
    """`2016-03-02T10:00:09Z`. `moment` is aware; fractions of a second are cut off."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
