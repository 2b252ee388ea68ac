"""Who hears whom, measured by spectrum: every party has a tone of its own."""

import numpy as np
import pytest
from engine_lab import Lab, Peer, sine, strength

from trebuchet.base.rand import SeededRand
from trebuchet.media.engine import Direction, Engine, Law, NoFreePort, PortMisuse, PortSettings, RemoteMedia

FRAME = 160
TONES = [400, 600, 850, 1150, 1500, 1900, 2350, 2850]
AMPLITUDE = 3000


class Party:
    """A lab in which row n speaks tone n all the time."""

    def __init__(self, rows: int, laws: list[Law] | None = None) -> None:
        self.lab = Lab(rows)
        self.rows = rows
        self.peers = [Peer((laws or [Law.PCMU] * rows)[row]) for row in range(rows)]
        for row, law in enumerate(laws or []):
            self.lab.engine.set_remote(row, RemoteMedia(law=law, payload_type=8 * law), 0.0)
        self.spoken = 0

    def listen(self, ticks: int = 40) -> dict[int, set[int]]:
        """Which tones each row's party hears."""
        for _ in range(ticks):
            voices = [sine(TONES[row], FRAME, AMPLITUDE, self.spoken) for row in range(self.rows)]
            self.lab.tick(*((row, self.peers[row].packet(voices[row])) for row in range(self.rows)))
            self.spoken += FRAME
        heard = {row: np.concatenate(self.lab.heard[row][-ticks + 10 :]) for row in range(self.rows)}
        return {
            row: {other for other in range(self.rows) if strength(pcm, TONES[other]) > AMPLITUDE / 2}
            for row, pcm in heard.items()
        }


@pytest.mark.parametrize("laws", [[Law.PCMU, Law.PCMU], [Law.PCMU, Law.PCMA], [Law.PCMA, Law.PCMA]])
def test_two_bridged_ports_hear_each_other_and_not_themselves(laws):
    party = Party(2, laws)
    party.lab.engine.connect((0, 1))
    assert party.listen() == {0: {1}, 1: {0}}


def test_ports_that_are_not_connected_hear_nothing():
    assert Party(3).listen() == {0: set(), 1: set(), 2: set()}


def test_groups_of_any_size_side_by_side():
    party = Party(8)
    party.lab.engine.connect((0, 5))
    party.lab.engine.connect((1, 2, 7))
    party.lab.engine.connect((3,))
    party.lab.engine.connect((4, 6))
    assert party.listen() == {0: {5}, 5: {0}, 1: {2, 7}, 2: {1, 7}, 7: {1, 2}, 3: set(), 4: {6}, 6: {4}}


def test_two_conferences_join_leave_and_change():
    party = Party(8)
    engine = party.lab.engine
    first, second = engine.connect((0, 1, 2)), engine.connect((3, 4, 5))
    assert party.listen()[4] == {3, 5}
    engine.join(6, second)
    engine.join(2, second)
    engine.disconnect(3)
    heard = party.listen()
    assert [heard[row] for row in (0, 1, 3, 7)] == [{1}, {0}, set(), set()]
    assert [heard[row] for row in (2, 4, 5, 6)] == [{4, 5, 6}, {2, 5, 6}, {2, 4, 6}, {2, 4, 5}]
    assert first != second


@pytest.mark.parametrize("rows", [2, 4])
def test_mute_and_deafness(rows):
    party = Party(rows)
    party.lab.engine.connect(range(rows))
    everyone = set(range(rows))
    party.lab.engine.set_voice(0, can_speak=False, can_hear=True)
    assert party.listen() == {row: everyone - {row, 0} for row in range(rows)}
    party.lab.engine.set_voice(0, can_speak=True, can_hear=False)
    assert party.listen() == {row: everyone - {row} if row else set() for row in range(rows)}
    party.lab.engine.set_voice(0, can_speak=True, can_hear=True)
    assert party.listen() == {row: everyone - {row} for row in range(rows)}


def test_nobody_speaks_in_a_conference_of_muted():
    party = Party(3)
    party.lab.engine.connect(range(3))
    for row in range(3):
        party.lab.engine.set_voice(row, can_speak=False, can_hear=True)
    assert party.listen() == {0: set(), 1: set(), 2: set()}


def test_a_row_that_closes_is_gone_and_its_successor_starts_alone():
    party = Party(3)
    party.lab.engine.connect(range(3))
    party.listen()
    party.lab.engine.close(1, party.lab.now)
    assert party.listen()[0] == {2} and party.listen()[2] == {0}
    assert party.lab.engine.allocate() == 1
    party.lab.engine.open(1, PortSettings())
    party.lab.engine.set_remote(1, RemoteMedia(), party.lab.now)
    assert party.listen() == {0: {2}, 1: set(), 2: {0}}


def test_a_side_that_must_not_be_received_is_not_heard():
    party = Party(2)
    party.lab.engine.connect((0, 1))
    party.lab.engine.set_remote(0, RemoteMedia(direction=Direction.SENDONLY), party.lab.now)
    assert party.listen() == {0: {1}, 1: set()}


def test_rows_are_given_lowest_first_and_run_out():
    engine = Engine(3, SeededRand(1))
    assert [engine.allocate() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(NoFreePort):
        engine.allocate()
    engine.release(1)
    assert engine.allocate() == 1
    engine.open(2, PortSettings())
    assert engine.high_water == 3
    engine.close(2, 0.0)
    assert engine.high_water == 0


def test_commands_on_rows_that_are_not_open_are_misuse():
    engine = Engine(2, SeededRand(1))
    for act in (
        lambda: engine.set_remote(0, RemoteMedia(), 0.0), lambda: engine.close(5, 0.0), lambda: engine.connect((0, 1)),
        lambda: engine.play(0, np.zeros(5, np.int16), 1), lambda: engine.record(-1, 1), lambda: engine.stats(0),
    ):  # fmt: skip
        with pytest.raises(PortMisuse):
            act()
    engine.open(0, PortSettings())
    with pytest.raises(PortMisuse):
        engine.open(0, PortSettings())
    with pytest.raises(PortMisuse):
        engine.set_remote(0, RemoteMedia(payload_type=128), 0.0)


def test_an_empty_engine_ticks():
    engine = Engine(4, SeededRand(1))
    engine.handle_packets(0, 0.0)
    output = engine.tick(0.02)
    assert not len(output.send_rows) and not output.events
