import { type Mutant, mutantsOf } from "../mutant.ts";

/** Changes of the room `coroutine`. */
export const coroutineMutants: readonly Mutant[] = [
  ...mutantsOf("coroutine/queue.ts", ["coroutine/queue", "coroutine/queue_seat"], [
    [
      "a full queue takes one item more",
      "return this.#maxSize > 0 && this.#store.size >= this.#maxSize;",
      "return this.#maxSize > 0 && this.#store.size > this.#maxSize;",
    ],
    [
      "nobody is let in when an item is taken",
      "    this.#letIn();\n    return item;",
      "    return item;",
    ],
    [
      "the last taskDone() wakes nobody who joins",
      'no item of this queue is unfinished");\n    }\n    if (--this.#unfinished === 0) this.#joiners.grantAll();',
      'no item of this queue is unfinished");\n    }\n    --this.#unfinished;',
    ],
    [
      "shutdown({ immediate }) leaves what it throws away unfinished",
      "      this.#unfinished -= this.#store.size;\n",
      "",
    ],
    [
      "shutdown() leaves those waiting who put",
      '    this.#putters.failAll(() => this.#shutDownError("put into"));\n',
      "",
    ],
    [
      "an item that comes back goes to the end",
      "else this.#store.giveBack(item);",
      "else this.#store.add(item);",
    ],
    [
      "what comes back to a queue that throws away is not counted as done",
      "      if (--this.#unfinished === 0) this.#joiners.grantAll();\n      return;",
      "      return;",
    ],
    [
      "an empty queue that is shut down lets one wait for an item",
      '      if (this.#isShutdown) throw this.#shutDownError("get from");\n      if (timeoutMs === 0)',
      "      if (timeoutMs === 0)",
    ],
  ]),
  ...mutantsOf("coroutine/_waiters.ts", ["coroutine/lock", "coroutine/queue"], [
    [
      "the timer of a wait that has ended goes on",
      "      if (timer !== undefined) clearTimeout(timer);\n",
      "",
    ],
    [
      "a wait that has ended goes on listening",
      "      unlisten?.();\n      return true;",
      "      return true;",
    ],
    [
      "one who leaves the midst of the line takes those behind out of it",
      "    else node.previous.next = node.next;",
      "    else node.previous.next = undefined;",
    ],
    [
      "one who leaves the end of the line stays its end",
      "    if (node.next === undefined) this.#last = node.previous;\n    else node.next.previous",
      "    if (node.next !== undefined) node.next.previous",
    ],
    ["one who has left is still counted", "    this.#size--;\n", ""],
  ]),
  ...mutantsOf("coroutine/_store.ts", ["coroutine/queue_store", "coroutine/queue_seat"], [
    [
      "an item that comes back overwrites the first one",
      "this.#head = (this.#head - 1 + this.#ring.length) & (this.#ring.length - 1);",
      "this.#head = (this.#head + this.#ring.length) & (this.#ring.length - 1);",
    ],
    [
      "a ring that shrinks has no room for its items",
      "this.#size <= this.#ring.length >> 2",
      "this.#size <= this.#ring.length",
    ],
    ["an item that was taken is held on to", "    this.#ring[this.#head] = undefined;\n", ""],
  ]),
  ...mutantsOf("coroutine/lock.ts", ["coroutine/lock"], [
    [
      "a lock that is handed over is free meanwhile",
      "    if (next === undefined) this.#isLocked = false;\n    else next.grant(true);",
      "    this.#isLocked = false;\n    next?.grant(true);",
    ],
    [
      "a lock that nobody holds can be released",
      'throw new InvalidStateError("Cannot release the lock: nobody holds it");',
      "return;",
    ],
  ]),
  ...mutantsOf("coroutine/semaphore.ts", ["coroutine/semaphore"], [
    [
      "who is waited for by several gives one permit twice",
      "    this.#value += free;",
      "    this.#value += n;",
    ],
    [
      "release(n) wakes one only",
      "      next.grant(true);\n    }",
      "      next.grant(true);\n      break;\n    }",
    ],
  ]),
  ...mutantsOf("coroutine/condition.ts", ["coroutine/condition"], [
    [
      "a notification that came with the abort is lost",
      "    if (isNotified) this.#notify(1);\n",
      "",
    ],
    [
      "a lock that was held twice is taken back once",
      "    for (let left = depth - 1; left > 0; left--) lock.tryAcquire({ owner });\n",
      "",
    ],
  ]),
  ...mutantsOf("coroutine/task.ts", [
    "coroutine/task",
    "coroutine/task_cancel",
    "coroutine/task_cancel_await",
    "coroutine/task_lifetime",
  ], [
    [
      "a task that is cancelled before it starts runs all the same",
      'if (this.#state === CREATED) this.#finish({ kind: "cancelled", error });\n    else this.#scope.cancel(error);',
      "this.#scope.cancel(error);",
    ],
    [
      "uncancel() does not take the request back",
      "if (this.#requests > 0 && --this.#requests === 0) this.#scope.reset();",
      "if (this.#requests > 0) this.#requests--;",
    ],
    [
      "a task that has ended stays with its signal",
      '    this.#observe(() => signal.removeEventListener("abort", onAbort));\n',
      "",
    ],
    [
      "a task may wait for itself",
      "        if (scope.owner === this) return Promise.reject(this.#waitsForItself());\n",
      "",
    ],
    [
      "a failure that somebody awaits is told to the runtime as unhandled",
      "this.#observing === 0 &&",
      "this.#observing >= 0 &&",
    ],
    [
      "join() that was given up goes on observing",
      "        task.#observers?.splice(at, 1);\n",
      "",
    ],
  ]),
  ...mutantsOf("coroutine/timeout.ts", ["coroutine/timeout", "coroutine/timeout_nesting"], [
    [
      "the timer of a limit goes on when the work has ended",
      "    } finally {\n      clearTimeout(this.#timer);",
      "    } finally {",
    ],
    [
      "a limit that is moved ends at the old moment as well",
      "    clearTimeout(this.#timer);\n    this.#delayMs = delayMs;",
      "    this.#delayMs = delayMs;",
    ],
    ["an inner limit goes before an outer one", "      outer?.check();\n", ""],
  ]),
  ...mutantsOf("coroutine/task_group.ts", ["coroutine/task_group", "coroutine/task_group_scope"], [
    [
      "a task that fails does not cancel the others",
      "    for (const task of this.#tasks) task.cancel(reason);\n",
      "",
    ],
    [
      "a group whose signal aborted goes on listening",
      '    signal?.removeEventListener("abort", onAbort);\n',
      "",
    ],
  ]),
  ...mutantsOf("coroutine/_scope.ts", [
    "coroutine/task_cancel",
    "coroutine/task_cancel_await",
    "coroutine/task_group_nesting",
  ], [
    [
      "a cancellation is told to a wait that another one has ended",
      "if (this.#waits?.has(fail) !== true) continue;",
      "",
    ],
    [
      "a cancellation that nobody could hear is forgotten",
      "if (!isDelivered && !isTold) this.owe(reason);",
      "",
    ],
  ]),
  ...mutantsOf("coroutine/_pool_core.ts", ["coroutine/pool_core", "coroutine/pool"], [
    [
      "a closed pool does not end with its last call",
      '    if (this.#unfinished === 0 && this.#state === "closed") this.#end("end");\n',
      "",
    ],
    [
      "what was given back is not handed out",
      "    this.#queue.addFirst(batch);\n    this.#pumpSoon();",
      "    this.#queue.addFirst(batch);",
    ],
  ]),
  ...mutantsOf("coroutine/_staff.ts", ["coroutine/pool_core", "coroutine/pool"], [
    [
      "a runner that works ends as if it were idle",
      "          clearTimeout(idle.idleTimer);\n",
      "",
    ],
    [
      "runners that die at once are made for ever",
      "++this.#stillborn >= MOST_STILLBORN",
      "++this.#stillborn < 0",
    ],
    [
      "a runner is given more items than it may have",
      "if (this.itemsLeft(hand) <= 0 || this.#isOneTooMany) {",
      "if (this.itemsLeft(hand) < 0 || this.#isOneTooMany) {",
    ],
  ]),
  ...mutantsOf("coroutine/_held_job.ts", ["coroutine/pool_core"], [
    [
      "a call is tried once more than it may be",
      "this.#attempt >= retries",
      "this.#attempt > retries",
    ],
    [
      "what has started is given back, and runs twice",
      "Math.max(from, this.#running + 1, this.#low)",
      "Math.max(from, this.#running, this.#low)",
    ],
    [
      "a call that has ended is timed out all the same",
      "    if (index === this.#running && this.#limit !== undefined) clearTimeout(this.#limit);\n",
      "",
    ],
    [
      "the grace of a call that stopped in time goes on",
      "      clearTimeout(this.#grace);\n",
      "",
    ],
  ]),
  ...mutantsOf("coroutine/_remote_line.ts", ["coroutine/remote_line", "process/pool"], [
    [
      "items behind a long one are not asked back",
      "      this.#owner.sendRecall();\n",
      "",
    ],
    [
      "a job that was cancelled and goes on is not ended",
      "      () => this.#owner.kill(),\n",
      "      () => {},\n",
    ],
  ]),
  ...mutantsOf("coroutine/_follow.ts", ["coroutine/wait_within"], [
    [
      "who leaves a promise stays with it",
      "void followers.delete(follower);",
      "void followers.has(follower);",
    ],
  ]),
  ...mutantsOf("coroutine/_wait_within.ts", ["coroutine/wait_within"], [
    ["a wait that is given up stays with its promise", "    leave();\n", ""],
  ]),
];
