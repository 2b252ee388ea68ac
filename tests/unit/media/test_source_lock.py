"""Whose packets a media port believes."""

import pytest

from trebuchet.media.source_lock import WINDOW_S, SourceLock, is_behind_nat

PHONE = ("198.51.100.7", 4000)
REMAPPED = ("198.51.100.7", 62_111)
STRANGER = ("203.0.113.9", 4000)
INNER = ("192.168.1.20", 4000)
PUBLIC = ("8.8.4.4", 4000)


def lock_for(address: tuple[str, int] | None) -> SourceLock:
    lock = SourceLock()
    lock.signal(address)
    return lock


def test_nobody_is_heard_before_signalling_named_an_address():
    assert not lock_for(None).offer(PHONE, 0.0)


def test_the_signalled_source_locks_at_once_and_alone():
    lock = lock_for(PHONE)
    assert lock.destination == PHONE
    assert lock.offer(PHONE, 0.0)
    assert lock.offer(PHONE, 1.0)
    assert not lock.offer(REMAPPED, 100.0)


def test_a_remapped_port_of_the_same_host_locks_after_the_window():
    lock = lock_for(("8.8.4.4", 4000))
    other = ("8.8.4.4", 5000)
    assert not lock.offer(other, 0.0)
    assert not lock.offer(other, WINDOW_S / 2)
    assert lock.offer(other, WINDOW_S)
    assert lock.destination == other


def test_the_signalled_source_wins_within_the_window():
    lock = lock_for(PHONE)
    assert not lock.offer(REMAPPED, 0.0)
    assert lock.offer(PHONE, WINDOW_S / 2)
    assert not lock.offer(REMAPPED, WINDOW_S)


def test_a_single_packet_never_locks():
    lock = lock_for(INNER)
    assert not lock.offer(STRANGER, 0.0)
    assert not lock.offer(PUBLIC, WINDOW_S)
    assert lock.offer(STRANGER, WINDOW_S)


def test_a_candidate_that_went_silent_is_replaced():
    lock = lock_for(INNER)
    assert not lock.offer(STRANGER, 0.0)
    assert not lock.offer(PUBLIC, 3 * WINDOW_S)
    assert lock.offer(PUBLIC, 4.5 * WINDOW_S)


def test_a_stranger_never_locks_a_public_address():
    lock = lock_for(PUBLIC)
    assert not any(lock.offer(STRANGER, n * WINDOW_S) for n in range(10))
    assert lock.offer(PUBLIC, 11 * WINDOW_S)


def test_a_private_address_may_be_anybody_behind_nat():
    lock = lock_for(INNER)
    assert not lock.offer(PUBLIC, 0.0)
    assert lock.offer(PUBLIC, WINDOW_S)


def test_only_another_signalled_address_opens_the_lock():
    lock = lock_for(PHONE)
    assert lock.offer(PHONE, 0.0)
    assert not lock.signal(PHONE)
    assert lock.locked == PHONE
    assert lock.signal(PUBLIC)
    assert lock.locked is None and lock.destination == PUBLIC
    assert not lock.offer(PHONE, 1.0)
    assert lock.offer(PUBLIC, 1.0)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("10.0.0.1", True),
        ("100.64.3.4", True),
        ("fd00::1", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("8.8.8.8", False),
    ],
)
def test_which_addresses_hide_others(host: str, expected: bool):
    assert is_behind_nat(host) is expected
