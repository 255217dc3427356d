"""threading.Lock. Argument: uncontended or hand-over; sizes as in bench/thread_lock_*."""

import sys
import threading

from peer import expect_result, measure, serve

TURNS = 100_000
ROUNDS = 2_000


def uncontended():
    lock = threading.Lock()
    held = 0
    for _ in range(TURNS):
        if lock.acquire():
            held += 1
        lock.release()
    expect_result("how often it was held", held, TURNS)
    return TURNS


mine = threading.Lock()
other = threading.Lock()


def answer():
    while True:
        other.acquire()
        mine.release()


def hand_over():
    rounds = 0
    for _ in range(ROUNDS):
        other.release()
        if mine.acquire():
            rounds += 1
    expect_result("the rounds", rounds, ROUNDS)
    return ROUNDS


if __name__ == "__main__":
    if sys.argv[1] == "hand-over":
        mine.acquire()
        other.acquire()
        threading.Thread(target=answer, daemon=True).start()
    chosen = {"uncontended": uncontended, "hand-over": hand_over}[sys.argv[1]]
    serve(lambda: measure(chosen))
