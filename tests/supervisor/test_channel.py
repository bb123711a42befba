"""What a child may say on its channel: lines of JSON, none of them bottomless."""

from __future__ import annotations

import asyncio

import pytest

from daemon.supervisor.channel import DEPTH_MAX, Channel, Message


def nested(deep: int) -> str:
    """A message with that many values, each in another."""
    lists = deep - 1
    return '{"a": ' + "[" * lists + "]" * lists + "}"


async def received(line: str) -> Message | None:
    channel, theirs = await Channel.pair()
    with theirs:
        theirs.sendall(line.encode() + b"\n")
        try:
            return await channel.receive()
        finally:
            channel.close()


@pytest.mark.parametrize("line", ['{"a": [{"b": 1}, [], {}]}', "{}", nested(DEPTH_MAX)])
def test_a_message_is_received(line: str) -> None:
    assert isinstance(asyncio.run(received(line)), dict)


@pytest.mark.parametrize("line", ["[1]", "no", '{"a": ', nested(DEPTH_MAX + 1), nested(900)])
def test_what_is_none_ends_the_channel(line: str) -> None:
    assert asyncio.run(received(line)) is None
