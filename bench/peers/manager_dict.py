"""Calls on a dictionary in a manager's server process, over loopback TCP.

Argument: how many calls are in flight; sizes as in bench/shared_dict_*. More than one call in flight
takes as many threads, each with a connection of its own: a proxy holds its connection for the
whole of a call.
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Manager

from peer import expect_result, measure, serve

PAIRS_PER_LANE = {1: 500, 64: 25}
ROUND_LIMIT_SECONDS = 20


def write_and_read(shared, lane, pairs):
    total = 0
    for n in range(pairs):
        shared[f"{lane} {n}"] = n
        total += shared.get(f"{lane} {n}")
    return total


def one_at_a_time(shared):
    pairs = PAIRS_PER_LANE[1]
    expect_result("the sum", write_and_read(shared, 0, pairs), pairs * (pairs - 1) // 2)
    return 2 * pairs


def in_flight(shared, executor, lanes):
    """One lane for each thread: the barrier keeps a quick thread from taking two lanes."""
    pairs = PAIRS_PER_LANE[lanes]
    barrier = threading.Barrier(lanes)

    def run(lane):
        barrier.wait(ROUND_LIMIT_SECONDS)
        return write_and_read(shared, lane, pairs)

    sums = [future.result() for future in [executor.submit(run, lane) for lane in range(lanes)]]
    expect_result("the sum", sum(sums), lanes * (pairs * (pairs - 1) // 2))
    return 2 * pairs * lanes


def connect_in_turn(shared):
    """Makes a thread's connection. The server's backlog is 16: 64 at once would not all get in."""
    turn = threading.Lock()

    def connect():
        with turn:
            len(shared)

    return connect


def main(lanes):
    with Manager() as manager:
        shared = manager.dict()
        if lanes == 1:
            serve(lambda: measure(lambda: one_at_a_time(shared)))
        else:
            with ThreadPoolExecutor(lanes, initializer=connect_in_turn(shared)) as executor:
                serve(lambda: measure(lambda: in_flight(shared, executor, lanes)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
