"""Calls on a counter in a manager's server process, over loopback TCP.

Argument: how many calls are in flight; sizes as in bench/manager_*. More than one call in flight
takes as many threads, each with a connection of its own: a proxy holds its connection for the
whole of a call.
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.managers import BaseManager

from peer import expect_result, measure, serve

CALLS_PER_LANE = {1: 1_000, 64: 50}
ROUND_LIMIT_SECONDS = 20


class Counter:
    """Adds up. Each connection of a server is a thread of its own, hence the lock."""

    def __init__(self):
        self._n = 0
        self._lock = threading.Lock()

    def add(self, k):
        with self._lock:
            self._n += k
            return self._n


class CounterManager(BaseManager):
    pass


CounterManager.register("counter", callable=Counter)


def one_at_a_time(counter):
    calls = CALLS_PER_LANE[1]
    before = counter.add(0)
    last = before
    for _ in range(calls):
        last = counter.add(1)
    expect_result("the count", last - before, calls)
    return calls


def in_flight(counter, executor, lanes):
    """One lane for each thread: the barrier keeps a quick thread from taking two lanes."""
    calls = CALLS_PER_LANE[lanes]
    barrier = threading.Barrier(lanes)

    def lane():
        barrier.wait(ROUND_LIMIT_SECONDS)
        for _ in range(calls):
            counter.add(1)

    before = counter.add(0)
    for future in [executor.submit(lane) for _ in range(lanes)]:
        future.result()
    expect_result("the count", counter.add(0) - before, calls * lanes)
    return calls * lanes


def connect_in_turn(counter):
    """Makes a thread's connection. The server's backlog is 16: 64 at once would not all get in."""
    turn = threading.Lock()

    def connect():
        with turn:
            counter.add(0)

    return connect


def main(lanes):
    manager = CounterManager(address=("127.0.0.1", 0), authkey=b"bench")
    manager.start()
    try:
        counter = manager.counter()
        if lanes == 1:
            serve(lambda: measure(lambda: one_at_a_time(counter)))
        else:
            connect = connect_in_turn(counter)
            with ThreadPoolExecutor(lanes, initializer=connect) as executor:
                serve(lambda: measure(lambda: in_flight(counter, executor, lanes)))
    finally:
        manager.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
