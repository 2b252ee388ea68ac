"""Hundreds of calls over a network that loses, doubles and reorders: every one completes, nothing is left."""

from itertools import pairwise

import pytest
from sip_pair import CALLEE, CALLER, Pair

from trebuchet.sip.outputs import (
    Acked,
    Answered,
    Ended,
    EndReason,
    IncomingInvite,
    LegId,
    OfferAnswered,
    Offered,
    Output,
)
from trebuchet.testing.network import Datagram, NotReached, VirtualNetwork, drive_bounded
from trebuchet.testing.sip_party import SipParty

CALLS = 300


class CallerPlan:
    """Re-INVITEs each answered call once, then hangs up every second one."""

    def __init__(self) -> None:
        self.renegotiated: set[LegId] = set()

    def __call__(self, party: SipParty, output: Output, now: float) -> None:
        if isinstance(output, Answered):
            party.ua.reinvite(output.leg, b"v=0 hold", now)
        elif isinstance(output, OfferAnswered):
            self.renegotiated.add(output.leg)
            if output.leg % 2:
                party.ua.hang_up(output.leg, now)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_every_call_completes_over_a_bad_network(seed: int) -> None:
    caller = CallerPlan()
    pair = Pair(seed, caller=caller, loss=0.05, duplicate=0.05, reorder=0.1, delay_s=0.02)
    with pair.network:
        legs = [pair.caller.call(CALLEE, 0.0) for _ in range(CALLS)]
        odd = {leg for leg in legs if leg % 2}
        pair.run(lambda: caller.renegotiated == set(legs))
        pair.run(lambda: len(pair.caller.news_of(Ended)) == len(odd))
        for output in pair.callee.news_of(Acked):
            assert isinstance(output, Acked)
            pair.callee.ua.hang_up(output.leg, pair.network.now)
        pair.run(lambda: len(pair.caller.news_of(Ended)) == len(pair.callee.news_of(Ended)) == CALLS)
        reasons = {ended.reason for ended in pair.caller.news + pair.callee.news if isinstance(ended, Ended)}
        assert reasons == {EndReason.LOCAL, EndReason.PEER_BYE}
        assert len(pair.callee.news_of(IncomingInvite)) == CALLS
        assert len(pair.callee.news_of(Offered)) == CALLS
        pair.finish()


@pytest.mark.parametrize("seed", range(5))
def test_cancel_races_over_a_bad_network(seed: int) -> None:
    """The caller gives up at many moments around the answer; both sides always come to an end."""

    def caller(party: SipParty, output: Output, now: float) -> None:
        if isinstance(output, Answered):
            party.ua.hang_up(output.leg, now)

    pair = Pair(seed, caller=caller, loss=0.05, duplicate=0.05, reorder=0.3, delay_s=0.02)
    with pair.network:
        for number in range(60):
            leg = pair.caller.call(CALLEE, pair.network.now)
            pair.pass_time(0.002 * number)
            pair.caller.ua.hang_up(leg, pair.network.now)
        pair.finish()
        assert len(pair.caller.news_of(Ended)) == 60
        assert len(pair.callee.news_of(Ended)) == len(pair.callee.news_of(IncomingInvite))


# --- the network itself


class Ear:
    """A party that only listens."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.heard: list[bytes] = []

    def handle_datagram(self, datagram: Datagram, now: float) -> None:
        self.heard.append(datagram.data)

    def handle_timeout(self, now: float) -> None:
        raise AssertionError("it never waits")

    def poll_timeout(self) -> float | None:
        return None

    def poll_datagram(self) -> Datagram | None:
        return None


def _heard(seed: int, count: int = 2000, **network: float) -> list[bytes]:
    ear = Ear(CALLEE)
    net = VirtualNetwork(seed, **network)
    for number in range(count):
        net.now = number * 0.001
        net.send(CALLER, CALLEE, b"%d" % number)
    with pytest.raises(NotReached, match=f"seed {seed}"):
        drive_bounded(net, [ear], lambda: False)
    return ear.heard


def test_a_clean_network_keeps_everything_in_order() -> None:
    assert _heard(1) == [b"%d" % number for number in range(2000)]


def test_the_same_seed_gives_the_same_network() -> None:
    bad = {"loss": 0.1, "duplicate": 0.1, "reorder": 0.1}
    assert _heard(5, **bad) == _heard(5, **bad) != _heard(6, **bad)


def test_loss_duplication_and_reordering_have_their_rates() -> None:
    assert 1700 < len(_heard(2, loss=0.1)) < 1900
    assert 2100 < len(_heard(3, duplicate=0.1)) < 2300
    order = [int(data) for data in _heard(4, reorder=0.1)]
    assert sorted(order) == list(range(2000))
    late = sum(later < earlier for earlier, later in pairwise(order))
    assert 100 < late < 400


def test_a_failure_names_its_seed() -> None:
    with pytest.raises(ValueError, match="broken") as caught, VirtualNetwork(77):
        raise ValueError("broken")
    assert caught.value.__notes__ == ["virtual network: seed 77, time 0.000 s"]
