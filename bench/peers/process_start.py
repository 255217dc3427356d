"""Start of a process to its end, one at a time, with CPython's start method "spawn".

The child imports this file again, so it must import little: hence the imports at the bottom.
"""

PROCESSES = 10


def noop():
    """What the child runs."""


def start_and_join():
    for _ in range(PROCESSES):
        process = context.Process(target=noop)
        process.start()
        process.join()
        expect_result("the exit code", process.exitcode, 0)
    return PROCESSES


if __name__ == "__main__":
    import multiprocessing

    from peer import expect_result, measure, serve

    context = multiprocessing.get_context("spawn")
    serve(lambda: measure(start_and_join))
