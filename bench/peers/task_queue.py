"""A master that hands out instant tasks to 4 workers by two queues of a manager, over loopback TCP.

As in the tutorials: the master serves a task queue and a result queue in a process of its own, and
uses them as its workers do, through proxies. Sizes as in bench/task_queue_*.
"""

import multiprocessing
import queue
from multiprocessing.managers import BaseManager

from peer import expect_result, measure, serve

TASKS = 2_000
WORKERS = 4

task_queue = queue.Queue()
result_queue = queue.Queue()


def get_task_queue():
    return task_queue


def get_result_queue():
    return result_queue


class Master(BaseManager):
    pass


class Worker(BaseManager):
    pass


Master.register("get_task_queue", callable=get_task_queue)
Master.register("get_result_queue", callable=get_result_queue)
Worker.register("get_task_queue")
Worker.register("get_result_queue")


def work(address):
    manager = Worker(address=address, authkey=b"bench")
    manager.connect()
    tasks = manager.get_task_queue()
    results = manager.get_result_queue()
    while True:
        n = tasks.get()
        if n is None:
            return
        results.put(n + 1)


def one_pass(tasks, results):
    for n in range(TASKS):
        tasks.put(n)
    total = sum(results.get() for _ in range(TASKS))
    expect_result("the sum", total, TASKS * (TASKS + 1) // 2)
    return TASKS


def main():
    manager = Master(address=("127.0.0.1", 0), authkey=b"bench")
    manager.start()
    workers = [multiprocessing.Process(target=work, args=(manager.address,)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    try:
        tasks = manager.get_task_queue()
        results = manager.get_result_queue()
        serve(lambda: measure(lambda: one_pass(tasks, results)))
        for _ in workers:
            tasks.put(None)
        for worker in workers:
            worker.join()
    finally:
        manager.shutdown()


if __name__ == "__main__":
    main()
