"""What wakes the runner's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tradedeck.runner.bell import Bell

LONG_S = 30.0


def run(scenario: Callable[[Bell], Awaitable[None]]) -> None:
    async def body() -> None:
        await asyncio.wait_for(scenario(Bell()), LONG_S / 2)

    asyncio.run(body())


def test_a_ring_before_the_wait_is_heard_once() -> None:
    async def scenario(bell: Bell) -> None:
        bell.set()
        bell.set()
        assert await bell.wait(LONG_S)
        assert not await bell.wait(0.001)

    run(scenario)


def test_a_ring_ends_the_wait_and_silence_its_deadline() -> None:
    async def scenario(bell: Bell) -> None:
        asyncio.get_running_loop().call_later(0.01, bell.set)
        assert await bell.wait(LONG_S)
        assert not await bell.wait(0.001)

    run(scenario)


def test_a_future_that_is_done_rings() -> None:
    async def scenario(bell: Bell) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.add_done_callback(bell.set)
        asyncio.get_running_loop().call_later(0.01, future.set_result, None)
        assert await bell.wait(LONG_S)

    run(scenario)


def test_a_wait_that_is_cancelled_leaves_the_bell_whole() -> None:
    async def scenario(bell: Bell) -> None:
        waiting = asyncio.create_task(bell.wait(LONG_S))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        bell.set()
        assert await bell.wait(LONG_S)

    run(scenario)
