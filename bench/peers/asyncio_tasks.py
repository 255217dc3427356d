"""Tasks of asyncio, spawned and joined by gather. Sizes as in bench/task_spawn_bench.ts."""

import asyncio
import time

from peer import ROUND_SECONDS, expect_result, serve

TASKS = 100_000


async def work(number):
    return number


async def spawn_and_join():
    results = await asyncio.gather(*[work(number) for number in range(TASKS)])
    expect_result("the sum", sum(results), TASKS * (TASKS - 1) // 2)
    return TASKS


async def measure():
    """As peer.measure, on one event loop, whose start is not timed."""
    begin = time.perf_counter()
    operations = 0
    while True:
        operations += await spawn_and_join()
        seconds = time.perf_counter() - begin
        if seconds >= ROUND_SECONDS:
            return seconds, operations


if __name__ == "__main__":
    serve(lambda: asyncio.run(measure()))
