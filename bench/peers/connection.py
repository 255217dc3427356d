"""CPython's multiprocessing.connection between two processes.

Arguments: what is done (ping-pong, throughput), and over what (tcp, pipe). The other process is forked,
as is usual on Linux. Sizes as in bench/connection_*.
"""

import multiprocessing
import sys
from multiprocessing.connection import Client, Listener

from peer import expect_result, measure, serve

TRIPS = 5_000
MESSAGES = 200
MESSAGE = bytes(64)
MEGABYTE = bytes(1 << 20)


def answer(connection):
    """Echoes small messages; counts large ones, and tells the count at the first small one."""
    count = 0
    try:
        while True:
            message = connection.recv_bytes()
            if len(message) == len(MEGABYTE):
                count += 1
            elif count > 0:
                connection.send_bytes(str(count).encode())
                count = 0
            else:
                connection.send_bytes(message)
    except EOFError:
        pass


def call_in(address):
    answer(Client(address))


def ping_pong(connection):
    for _ in range(TRIPS):
        connection.send_bytes(MESSAGE)
        expect_result("the length", len(connection.recv_bytes()), len(MESSAGE))
    return TRIPS


def throughput(connection):
    for _ in range(MESSAGES):
        connection.send_bytes(MEGABYTE)
    connection.send_bytes(b"?")
    expect_result("the count", int(connection.recv_bytes()), MESSAGES)
    return MESSAGES


if __name__ == "__main__":
    what, way = sys.argv[1:]
    context = multiprocessing.get_context("fork")
    if way == "pipe":
        here, there = context.Pipe()
        context.Process(target=answer, args=(there,), daemon=True).start()
    else:
        listener = Listener(("127.0.0.1", 0))
        context.Process(target=call_in, args=(listener.address,), daemon=True).start()
        here = listener.accept()
    one_pass = {"ping-pong": ping_pong, "throughput": throughput}[what]
    serve(lambda: measure(lambda: one_pass(here)))
