# python3 examples/python/task_master.py

"""The master in Python: workers may be task_worker.py beside it, or ../task_worker.ts, or both at once.

It serves a queue of tasks and a queue of results, puts random numbers into the first, and collects their squares
from the second.
"""

import argparse
import queue
import random
from multiprocessing.managers import BaseManager

task_queue = queue.Queue()
result_queue = queue.Queue()


def get_task_queue():
    return task_queue


def get_result_queue():
    return result_queue


class QueueManager(BaseManager):
    pass


QueueManager.register("get_task_queue", callable=get_task_queue)
QueueManager.register("get_result_queue", callable=get_result_queue)


def main():
    parser = argparse.ArgumentParser(description="Serves tasks to workers on any machine.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; 0.0.0.0 for every interface")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--authkey", default="abc", help="the key that workers must have")
    parser.add_argument("--count", type=int, default=10, help="how many tasks")
    parser.add_argument("--timeout", type=float, default=10, help="how long to wait for a result, in seconds")
    options = parser.parse_args()

    manager = QueueManager((options.host, options.port), options.authkey.encode())
    manager.start()
    print("READY %s:%d" % manager.address, flush=True)
    task = manager.get_task_queue()
    result = manager.get_result_queue()
    for _ in range(options.count):
        n = random.randint(0, 10000)
        print("Put task %d..." % n, flush=True)
        task.put(n)
    print("Try get results...", flush=True)
    found = 0
    try:
        while found < options.count:
            print("Result: %s" % result.get(timeout=options.timeout), flush=True)
            found += 1
    except queue.Empty:
        print("No result within %g seconds" % options.timeout, flush=True)
    manager.shutdown()
    print("master exit: %d of %d results" % (found, options.count), flush=True)


if __name__ == "__main__":
    main()
