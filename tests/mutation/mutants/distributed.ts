import { type Mutant, mutantsOf } from "../mutant.ts";

/** Changes of the room `distributed`. */
export const distributedMutants: readonly Mutant[] = [
  ...mutantsOf("distributed/_task_store.ts", [
    "distributed/task_store",
    "distributed/task_queue",
    "faults/task_queue",
  ], [
    [
      "a put overtakes those that wait for a place",
      "if (this.#isFull || this.#putters.size > 0) return false;",
      "if (this.#isFull) return false;",
    ],
    [
      "a full queue takes one task more",
      "maxSize > 0 && this.#unfinished >= maxSize",
      "maxSize > 0 && this.#unfinished > maxSize",
    ],
    [
      "a task is tried once less",
      "record.attempt <= record.task.retries",
      "record.attempt < record.task.retries",
    ],
    ["a task that was given back has cost an attempt", "    record.attempt--;\n", ""],
    [
      "a task that was cancelled runs again when it is given back",
      "    if (record.cancelled !== undefined) return this.#endCancelled(record);\n    record.attempt--;",
      "    record.attempt--;",
    ],
    [
      "a task that was cancelled is tried again",
      "    if (record.cancelled !== undefined) return this.#endCancelled(record);\n    if (options.retry",
      "    if (options.retry",
    ],
    ["a sign of life does not prolong the lease", "    this.#leases.moved(lease);\n", ""],
    [
      "a lease that is shorter than those before ends with them",
      "    if (dueMs >= this.#timerDueMs) return;",
      "    if (this.#timer !== undefined) return;",
    ],
    [
      "one dead letter less is kept",
      "if (this.#dead.size <= maxDeadLetters) break;",
      "if (this.#dead.size < maxDeadLetters) break;",
    ],
    ["the end of a task is forgotten at once", "      if (dueMs > now) break;\n", ""],
    [
      "a worker is not told that its task was cancelled",
      "    if (!wasCancelled) lease.stop.tell(cancelledError(record));\n",
      "",
    ],
    [
      "a worker that is gone keeps its tasks",
      "    for (const lease of [...holder.leases]) this.#lose(lease, why);\n",
      "",
    ],
    [
      "those who wait for a task are left when there will be none",
      '      if (this.#isShutdown) this.#getters.failAll(() => this.#shutDownError("get from"));\n',
      "",
    ],
    [
      "the timer of the last lease goes on",
      "    this.#leases.remove(lease);\n    this.#rest();",
      "    this.#leases.remove(lease);",
    ],
    [
      "what is put again under its own name runs twice",
      "    const known = this.#records.get(task.id);\n    if (known !== undefined) {\n      if (watcher",
      "    const known = this.#records.get(task.id);\n    if (known !== undefined && !task.ownId) {\n      if (watcher",
    ],
  ]),
  ...mutantsOf("distributed/task_lease.ts", ["distributed/task_queue", "faults/task_queue"], [
    [
      "a result that cannot be sent leaves no other answer",
      "if (error instanceof TypeError || error instanceof RangeError) this.#isEnding = false;",
      "if (error === undefined) this.#isEnding = false;",
    ],
    ["a lease that has ended is renewed", "    this.#renewer.remove(this.#renewal);\n", ""],
    [
      "a lease that is left is not given back",
      '    await this.fail(new Error("The worker has left',
      '    await (async (_: Error) => {})(new Error("The worker has left',
    ],
    [
      "a lease that was lost does not abort its signal",
      "    this.#close();\n    this.#abort(reason);\n  }\n\n  /** The engine",
      "    this.#close();\n  }\n\n  /** The engine",
    ],
  ]),
  ...mutantsOf("distributed/_task_seat.ts", [
    "distributed/task_seat",
    "distributed/task_queue",
    "faults/task_queue",
  ], [
    [
      "tasks whose answer was lost stay taken",
      "        for (const lease of leases) if (lease.isHeld) giveBackOrFail(lease);\n",
      "",
    ],
    [
      "what a producer was not told is told after what came later",
      "        this.#events.unshift(...events.map(carriable));",
      "        this.#events.push(...events.map(carriable));",
    ],
  ]),
  ...mutantsOf("distributed/_pickle_machine.ts", [
    "distributed/pickle_vectors",
    "distributed/pickle_hostile",
  ], [
    [
      "text costs no memory",
      "reading.spend(COST.text + 2 * size);",
      "",
    ],
    [
      "tuples may be nested without end",
      "          depth = depths[sp - 1]! + 1;\n          if (depth > maxDepth) throw tooDeep(maxDepth);\n          depths[sp - 1] = depth;\n          stack[sp - 1] = new PyTuple(stack[sp - 1]);",
      "          depth = depths[sp - 1]! + 1;\n          depths[sp - 1] = depth;\n          stack[sp - 1] = new PyTuple(stack[sp - 1]);",
    ],
    [
      "the stack may grow without end",
      '      if (sp > most) throw new Refusal("it needs more memory than is accepted");\n',
      "",
    ],
    [
      "a message may be larger than is accepted",
      "    if (end > maxBytes) {",
      "    if (end > Infinity) {",
    ],
    [
      "BININT2 is read the wrong way round",
      "stack[sp++] = bytes[pos]! | bytes[pos + 1]! << 8;",
      "stack[sp++] = bytes[pos + 1]! | bytes[pos]! << 8;",
    ],
  ]),
  ...mutantsOf("distributed/_key_guard.ts", ["distributed/key_guard", "distributed/strangers"], [
    [
      "who tries keys is not slowed down",
      "if (over < 0) return undefined;",
      "if (over < 1e9) return undefined;",
    ],
    [
      "a connection that broke off counts as a wrong key",
      "    if (!(error instanceof AuthenticationError)) return;\n",
      "",
    ],
    [
      "those who wait hold up the end of the server",
      "      resolve();\n    }\n    this.#waiting.clear();",
      "    }\n    this.#waiting.clear();",
    ],
  ]),
  ...mutantsOf("distributed/_retry.ts", [
    "distributed/retry_loop",
    "distributed/retry",
    "distributed/retry_calls",
  ], [
    ["a wrong key is tried again and again", "      if (!isUnreachable(error)) throw error;\n", ""],
    ["one try more than may be is made", "++failures >= maxAttempts", "++failures > maxAttempts"],
    ["the pauses do not grow", "pauseMs = Math.min(pauseMs * multiplier, maxTimeoutMs);", ""],
    [
      "tries go on after the time is over",
      "now + actualMs - since > withinMs",
      "now + actualMs - since > Infinity",
    ],
  ]),
  ...mutantsOf("distributed/_reconnector.ts", [
    "distributed/retry",
    "distributed/retry_calls",
    "faults/manager_restart",
  ], [
    ["nobody waits, and it is tried all the same", "        round.stop.abort();\n", ""],
    [
      "one who refuses this client is asked again",
      "      if (!(error instanceof RetriesExhausted)) this.#failed = { error };\n",
      "",
    ],
  ]),
  ...mutantsOf(
    "distributed/_reconnecting_client.ts",
    [
      "distributed/retry",
      "distributed/retry_calls",
      "distributed/retry_wait_options",
      "faults/manager_restart",
    ],
    [
      [
        "a time limit begins anew with a new connection",
        "      if (isSure && wait.timeoutMs !== undefined) sent = shorten(args, performance.now() - since);\n",
        "",
      ],
      [
        "data is shortened as if it were a time limit",
        "      if (isSure && wait.timeoutMs",
        "      if (wait.timeoutMs",
      ],
      [
        "what a client made on an old connection is used on a new one",
        "    if (what.client !== this.#connection.present()) {\n      const since",
        "    if (what.client === undefined) {\n      const since",
      ],
    ],
  ),
  ...mutantsOf("distributed/_worker_service.ts", [
    "distributed/worker_service",
    "distributed/worker_pool",
    "faults/worker_pool_kill",
  ], [
    [
      "items behind a long one stay with their worker",
      "      if (end <= run.at + 1) return;",
      "      if (end > 0) return;",
    ],
    [
      "a task that came when its worker left is lost",
      "        await Promise.all([told, lease.release().catch(() => {})]);",
      "        await told;",
    ],
    [
      "a worker whose inner worker died tells a failure",
      '[this.#options.isDeath(error) ? "lost" : "error", index',
      '["error", index',
    ],
  ]),
  ...mutantsOf("distributed/_task_manager_engine.ts", ["distributed/task_unreadable"], [
    [
      "a task that cannot be read stays with its worker",
      '    await this.tell("fail", [token, errorToWire(why), true, UNREAD_DELAY_MS]);\n',
      "",
    ],
  ]),
  ...mutantsOf("distributed/_python_guest.ts", [
    "distributed/python_stalled",
    "distributed/python_guest",
  ], [
    [
      "a flood behind a call is kept whole",
      "        await this.#idle();\n",
      "",
    ],
    [
      "the end of the server waits for what never ends",
      "await waitWithin(this.closed, { timeoutMs: CLOSE_LIMIT_MS, signal: NEVER }, () => {});",
      "await this.closed;",
    ],
  ]),
  ...mutantsOf("distributed/_python_link.ts", ["distributed/python_late"], [
    [
      "what Python makes too late is not given back",
      '(made) => this.#decref(this.#describe("", made).id)',
      "() => {}",
    ],
  ]),
];
