"""queue.Queue between two threads; sizes as in bench/thread_queue_bench.ts."""

import queue
import threading

from peer import expect_result, measure, serve

ITEMS = 20_000
MAXSIZE = 1_024

numbers = queue.Queue(MAXSIZE)
sums = queue.Queue()


def add_up():
    total = 0
    while True:
        n = numbers.get()
        if n >= 0:
            total += n
        else:
            sums.put(total)
            total = 0


def pass_numbers():
    for n in range(ITEMS):
        numbers.put(n)
    numbers.put(-1)
    expect_result("the sum", sums.get(), ITEMS * (ITEMS - 1) // 2)
    return ITEMS


if __name__ == "__main__":
    threading.Thread(target=add_up, daemon=True).start()
    serve(lambda: measure(pass_numbers))
