"""A worker in Python that takes tasks from a manager and puts results, with the manager of either language.

Arguments: what an operation is, "task" (one task on a connection that is there) or "connect" (connecting, and getting
two proxies); then the port of a manager. Without one it is a manager of Python's in a process of its own.
"""

import queue
import sys
from multiprocessing.managers import BaseManager

from peer import expect_result, measure, serve

TASKS = 500
AUTHKEY = b"bench"

tasks = queue.Queue()
results = queue.Queue()


def get_tasks():
    return tasks


def get_results():
    return results


class Master(BaseManager):
    pass


Master.register("get_tasks", callable=get_tasks)
Master.register("get_results", callable=get_results)


class Worker(BaseManager):
    pass


Worker.register("get_tasks")
Worker.register("get_results")


def connect(address):
    worker = Worker(address, AUTHKEY)
    worker.connect()
    return worker.get_tasks(), worker.get_results()


def work(task, result):
    """Each task is put, taken, answered and its answer taken: four calls."""
    for n in range(TASKS):
        task.put(n)
        result.put(task.get(timeout=10) + 1)
        expect_result("the result", result.get(timeout=10), n + 1)
    return TASKS


def connect_once(address):
    task, _ = connect(address)
    expect_result("the size", task.qsize(), 0)
    return 1


def main(what, port):
    master = None
    if port is None:
        master = Master(("127.0.0.1", 0), AUTHKEY)
        master.start()
    address = ("127.0.0.1", port) if master is None else master.address
    try:
        if what == "connect":
            serve(lambda: measure(lambda: connect_once(address)))
        else:
            task, result = connect(address)
            serve(lambda: measure(lambda: work(task, result)))
    finally:
        if master is not None:
            master.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)
