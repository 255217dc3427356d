"""Start of a process to its first result, one at a time, with CPython's start method "spawn".

The child imports this file again, so it must import little: hence the imports at the bottom.
"""

PROCESSES = 10


def answer(connection):
    """What the child runs."""
    connection.send(None)


def start_to_result():
    seconds = 0
    for _ in range(PROCESSES):
        ours, theirs = context.Pipe()
        process = context.Process(target=answer, args=(theirs,))
        begin = time.perf_counter()
        process.start()
        ours.recv()
        seconds += time.perf_counter() - begin
        process.join()
        expect_result("the exit code", process.exitcode, 0)
    return seconds, PROCESSES


if __name__ == "__main__":
    import multiprocessing
    import time

    from peer import expect_result, serve

    context = multiprocessing.get_context("spawn")
    serve(start_to_result)
