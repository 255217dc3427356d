"""CPython's multiprocessing.Pool: one call at a time, maps of instant tasks, and bytes there and back.

The children are forked, as is usual on Linux.
"""

import sys

WORKERS = 2


def add_one(n):
    return n + 1


def echo(data):
    return data


def apply(pool):
    for n in range(500):
        expect_result("the result", pool.apply(add_one, (n,)), n + 1)
    return 500


def map_singly(pool):
    expect_result("the sum", sum(pool.map(add_one, range(20_000), chunksize=1)), 200_010_000)
    return 20_000


def map_numbers(pool):
    expect_result("the sum", sum(pool.map(add_one, NUMBERS)), 20_000_100_000)
    return len(NUMBERS)


def send_bytes(pool):
    for _ in range(20):
        expect_result("the length", len(pool.apply(echo, (MEGABYTE,))), len(MEGABYTE))
    return 20


NUMBERS = list(range(200_000))
MEGABYTE = bytes(1 << 20)
SCENARIOS = {
    "apply": apply,
    "map-singly": map_singly,
    "map-numbers": map_numbers,
    "bytes": send_bytes,
}

if __name__ == "__main__":
    import multiprocessing

    from peer import expect_result, measure, serve

    one_pass = SCENARIOS[sys.argv[1]]
    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        serve(lambda: measure(lambda: one_pass(pool)))
