"""Locks and queues between two processes; sizes as in bench/process_*.

Argument: lock, manager-lock or queue.
"""

import multiprocessing
import sys

from peer import expect_result, measure, serve

TURNS = 1_000
ITEMS = 100_000


def acquire_many(lock, turns, done):
    while count := turns.get():
        for _ in range(count):
            lock.acquire()
            lock.release()
        done.put(count)


def put_many(turns, items):
    while count := turns.get():
        for i in range(count):
            items.put(i)


def serve_lock(lock):
    turns, done = multiprocessing.SimpleQueue(), multiprocessing.SimpleQueue()
    child = multiprocessing.Process(target=acquire_many, args=(lock, turns, done))
    child.start()

    def one_pass():
        turns.put(TURNS)
        expect_result("the turns", done.get(), TURNS)
        return TURNS

    serve(lambda: measure(one_pass))
    turns.put(0)
    child.join()


def serve_queue():
    turns, items = multiprocessing.SimpleQueue(), multiprocessing.Queue()
    child = multiprocessing.Process(target=put_many, args=(turns, items))
    child.start()

    def one_pass():
        turns.put(ITEMS)
        total = 0
        for _ in range(ITEMS):
            total += items.get()
        expect_result("the sum", total, ITEMS * (ITEMS - 1) // 2)
        return ITEMS

    serve(lambda: measure(one_pass))
    turns.put(0)
    child.join()


if __name__ == "__main__":
    what = sys.argv[1]
    if what == "queue":
        serve_queue()
    elif what == "lock":
        serve_lock(multiprocessing.Lock())
    else:
        with multiprocessing.Manager() as manager:
            serve_lock(manager.Lock())
