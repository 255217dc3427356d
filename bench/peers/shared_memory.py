"""CPython's multiprocessing.shared_memory, and its queue with the same bytes."""

import multiprocessing
import sys
from multiprocessing import shared_memory

from peer import expect_result, measure, serve

CALLS = 10
SIZE = 8 << 20
TIMES = 200


def sample_pages(data):
    return sum(data[::4096])


def open_close():
    for time in range(TIMES):
        memory = shared_memory.SharedMemory(create=True, size=4096)
        memory.buf[7] = time % 256
        other = shared_memory.SharedMemory(memory.name)
        expect_result("the byte", other.buf[7], time % 256)
        memory.unlink()
        other.close()
        memory.close()
    return TIMES


def read_memory(name, requests, answers):
    memory = shared_memory.SharedMemory(name)
    while requests.get() != -1:
        answers.put(sample_pages(memory.buf))
    memory.close()


def read_queue(requests, answers):
    while True:
        data = requests.get()
        if len(data) == 0:
            return
        answers.put(sample_pages(data))


def main(kind):
    if kind == "open":
        serve(lambda: measure(open_close))
        return
    context = multiprocessing.get_context("fork")
    requests, answers = context.Queue(), context.Queue()
    calls = 0
    if kind == "memory":
        memory = shared_memory.SharedMemory(create=True, size=SIZE)
        child = context.Process(target=read_memory, args=(memory.name, requests, answers))
    else:
        child = context.Process(target=read_queue, args=(requests, answers))
    child.start()

    def one_pass():
        nonlocal calls
        for _ in range(CALLS):
            calls += 1
            source = bytes([1 + calls % 250]) * SIZE
            if kind == "memory":
                memory.buf[:] = source
                requests.put(calls)
            else:
                requests.put(source)
            expect_result("the sample", answers.get(), sample_pages(source))
        return CALLS

    serve(lambda: measure(one_pass))
    requests.put(-1 if kind == "memory" else b"")
    child.join()
    if kind == "memory":
        memory.close()
        memory.unlink()


if __name__ == "__main__":
    main(sys.argv[1])
