"""asyncio.Queue on one event loop. Argument: seq, ping-pong or mpmc; sizes as in bench/queue_*."""

import asyncio
import sys
import time

from peer import ROUND_SECONDS, expect_result, serve

SEQ_ITEMS = 100_000
PING_PONG_ITEMS = 10_000
MPMC_ITEMS = 100_000
MPMC_TASKS = 4
MPMC_MAXSIZE = 64


async def seq():
    queue = asyncio.Queue()
    for item in range(SEQ_ITEMS):
        await queue.put(item)
    total = 0
    for _ in range(SEQ_ITEMS):
        total += await queue.get()
    expect_result("the sum", total, sum_below(SEQ_ITEMS))
    return SEQ_ITEMS


async def ping_pong():
    return await pass_items(PING_PONG_ITEMS, 1, 1)


async def mpmc():
    return await pass_items(MPMC_ITEMS, MPMC_TASKS, MPMC_MAXSIZE)


async def pass_items(items, tasks, maxsize):
    """Passes items from some producers to as many consumers."""
    queue = asyncio.Queue(maxsize)

    async def produce(first):
        for item in range(first, items, tasks):
            await queue.put(item)

    async def consume():
        total = 0
        for _ in range(items // tasks):
            total += await queue.get()
        return total

    consumers = [consume() for _ in range(tasks)]
    producers = [produce(first) for first in range(tasks)]
    results = await asyncio.gather(*consumers, *producers)
    expect_result("the sum", sum(results[:tasks]), sum_below(items))
    return items


def sum_below(end):
    return end * (end - 1) // 2


async def measure(one_pass):
    """As peer.measure, on one event loop, whose start is not timed."""
    begin = time.perf_counter()
    operations = 0
    while True:
        operations += await one_pass()
        seconds = time.perf_counter() - begin
        if seconds >= ROUND_SECONDS:
            return seconds, operations


if __name__ == "__main__":
    chosen = {"seq": seq, "ping-pong": ping_pong, "mpmc": mpmc}[sys.argv[1]]
    serve(lambda: asyncio.run(measure(chosen)))
