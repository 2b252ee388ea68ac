"""Message datagrams between the server and a media process."""

import asyncio
import socket

import pytest

from trebuchet.media import messages as m
from trebuchet.media.channel import ChannelClosed, Inbox, LoopChannel, Outbox, socket_pair


def test_many_messages_go_in_few_datagrams_and_keep_their_order():
    ours, theirs = socket_pair()
    with ours, theirs:
        outbox = Outbox(ours)
        sent: list[m.Command] = [m.SendDigits(number, "5" * 100) for number in range(2000)]
        for message in sent:
            outbox.put(message)
        assert outbox.flush()
        assert Inbox(theirs, m.command_decoder).read() == sent


def test_the_other_end_going_away_is_seen_by_both():
    ours, theirs = socket_pair()
    outbox = Outbox(ours)
    theirs.close()
    outbox.put(m.Exit())
    with pytest.raises(ChannelClosed):
        outbox.flush()
    with pytest.raises(ChannelClosed):
        Inbox(ours, m.report_decoder).read()
    ours.close()


def test_what_cannot_be_decoded_ends_the_channel():
    ours, theirs = socket_pair()
    with ours, theirs:
        ours.send(b"\x93nonsense")
        with pytest.raises(ChannelClosed):
            Inbox(theirs, m.command_decoder).read()


def fill(channel: LoopChannel[m.Report], sock: socket.socket) -> int:
    """Put more than the socket takes."""
    count = 4 * sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 60_000 * 10
    for number in range(count):
        channel.put(m.SendDigits(number, "1" * 6000))
    return count


async def test_a_full_channel_waits_without_blocking_and_loses_nothing():
    ours, theirs = socket_pair()
    lost: list[bool] = []
    channel = LoopChannel(ours, m.report_decoder, lambda report: None, lambda: lost.append(True), stall_s=5.0)
    count = fill(channel, ours)
    inbox = Inbox(theirs, m.command_decoder)
    got: list[m.Command] = []
    async with asyncio.timeout(5):
        while len(got) < count:
            await asyncio.sleep(0)
            got += inbox.read()
    assert [message.port for message in got if isinstance(message, m.SendDigits)] == list(range(count))
    assert not lost
    channel.close()
    theirs.close()


async def test_a_channel_that_takes_nothing_is_given_up_once():
    ours, theirs = socket_pair()
    lost = asyncio.Event()
    channel = LoopChannel(ours, m.report_decoder, lambda report: None, lost.set, stall_s=0.1)
    fill(channel, ours)
    async with asyncio.timeout(5):
        await lost.wait()
    channel.put(m.Exit())
    channel.close()
    theirs.close()
