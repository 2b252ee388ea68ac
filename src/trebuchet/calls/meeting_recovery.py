"""After a start: bridges and conferences whose calls died with an earlier process are over, and that is told."""

from trebuchet.base.clock import Clock
from trebuchet.base.values import replace
from trebuchet.calls.conference import ConferenceStatus, terminate
from trebuchet.calls.interfaces import Archive, Log, UnitOfWork
from trebuchet.model.bridge import BridgeState

AT_ONCE = 50
"""Meetings ended in one unit of work: few commits for many, each still small."""


async def end_meetings(archive: Archive, log: Log, clock: Clock) -> int:
    """End everything that has calls according to the store; to be called after those calls were ended. Meetings that
    nobody has entered yet stay as they are. Returns how many ended. Raises `LogUnavailable`."""
    at = clock.utc()
    bridges = [replace(b, state=BridgeState.ENDED, ended_at=at) for b in await archive.bridges_in_use()]
    for start in range(0, len(bridges), AT_ONCE):
        await log.commit(UnitOfWork(bridges=tuple(bridges[start : start + AT_ONCE])))
    conferences = await archive.conferences_in_use()
    for conference in conferences:
        inside = tuple(member for member in await archive.members(conference.id) if member.is_active)
        step = terminate(ConferenceStatus(conference=conference, members=inside), at)
        await log.commit(UnitOfWork(conferences=(step.change(),)))
    return len(bridges) + len(conferences)
