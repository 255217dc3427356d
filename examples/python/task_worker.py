# python3 examples/python/task_worker.py

"""A worker in Python: the master may be task_master.py beside it, or ../task_master.ts.

It takes numbers from the master's queue of tasks, and puts their squares into its queue of results, until there is
nothing left to do. Only the standard library is needed.
"""

import argparse
import queue
import time
from multiprocessing.managers import BaseManager


class QueueManager(BaseManager):
    pass


QueueManager.register("get_task_queue")
QueueManager.register("get_result_queue")


def main():
    parser = argparse.ArgumentParser(description="Takes tasks from a master, and gives it the results.")
    parser.add_argument("--host", default="127.0.0.1", help="where the master is")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--authkey", default="abc", help="the key that it asks for")
    parser.add_argument("--work-ms", type=float, default=100, help="how long each task is made to take")
    options = parser.parse_args()

    print("Connect to server %s..." % options.host, flush=True)
    manager = QueueManager((options.host, options.port), options.authkey.encode())
    manager.connect()
    task = manager.get_task_queue()
    result = manager.get_result_queue()
    print("READY", flush=True)
    done = 0
    try:
        while True:
            n = task.get(timeout=1)
            print("run task %d * %d..." % (n, n), flush=True)
            time.sleep(options.work_ms / 1000)
            result.put("%d * %d = %d" % (n, n, n * n))
            # A master in TypeScript hands a task that was not reported to the next worker.
            task.task_done()
            done += 1
    except queue.Empty:
        print("task queue is empty.", flush=True)
    except (EOFError, ConnectionError):
        print("the master is gone.", flush=True)
    print("worker exit: %d tasks" % done, flush=True)


if __name__ == "__main__":
    main()
