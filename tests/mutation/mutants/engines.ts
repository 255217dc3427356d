import { type Mutant, mutantsOf } from "../mutant.ts";

/** Changes of the engines of the room `distributed`. */
export const engineMutants: readonly Mutant[] = [
  ...mutantsOf("distributed/engines/_nats_taker.ts", ["engines/nats_taker"], [
    [
      "a task that comes late is given to nobody who waits",
      "      if (getter.isOver || getter.gift !== undefined) continue;",
      "      if (getter.leaseMs > 0) continue;",
    ],
    [
      "a task that was offered to one who has got another stays with nobody",
      "      if (gift !== undefined) this.#offer(gift);\n",
      "",
    ],
    [
      "a task that is found when its getter has just left stays with nobody",
      "      if (lease === undefined) this.#handOn(searching);\n",
      "",
    ],
    [
      "a get that has all the time gives up",
      "endMs === Infinity ? this.#endlessMs : this.#patienceMs",
      "this.#patienceMs",
    ],
  ]),
  ...mutantsOf("distributed/engines/_nats_lease.ts", ["engines/nats_lease"], [
    [
      "an answer to a report is not heard that came together with another",
      "        if (answers.length === 0) {",
      "        if (answers.length >= 0) {",
    ],
    [
      "a report goes on when its lease has ended",
      "    for (const wake of this.#reporting) wake();\n",
      "",
    ],
  ]),
  ...mutantsOf("distributed/engines/_nats_result_feed.ts", ["engines/nats_watches"], [
    [
      "an end that was left out is not noticed",
      "        if (next !== place + 1) return broken.resolve();\n",
      "",
    ],
    [
      "ends that are not kept any more are not noticed",
      "      if (this.#seen > 0 && first > this.#seen + 1) this.#listener.missed();\n",
      "",
    ],
    [
      "ends whose numbers come again are left out",
      "      if (last < this.#seen) {",
      "      if (last < 0) {",
    ],
  ]),
  ...mutantsOf("distributed/engines/_nats_watches.ts", ["engines/nats_watches"], [
    [
      "a task that is being put has ended because it is not there",
      "      if (watch.isPut) await this.#lookAt(watch);\n      else watch.isMissed = true;",
      "      await this.#lookAt(watch);",
    ],
    [
      "a watcher that throws ends the connection",
      "tellProgress(watcher, value))",
      "watcher.progress(value))",
    ],
  ]),
  ...mutantsOf("distributed/engines/_nats_queue_names.ts", ["engines/nats_watches"], [
    [
      "the end of a task whose name cannot be read ends the connection",
      "it is a name all the same.\n    return token;",
      'it is a name all the same.\n    throw new TypeError("It is no name");',
    ],
  ]),
  ...mutantsOf("distributed/engines/_nats_queue.ts", ["engines/nats_account"], [
    [
      "what an account may not do is asked each time",
      "    if (this.#refused.get(deed) === reconnects) return;\n",
      "",
    ],
  ]),
  ...mutantsOf("distributed/engines/_nats_queue.ts", ["engines/nats_queue"], [
    [
      "each of several ends of a task counts",
      "if (kept !== undefined) return endedBy(kept) === by;",
      "if (kept !== undefined) return true;",
    ],
    [
      "an end whose answer was lost does not count",
      "if (kept !== undefined) return endedBy(kept) === by;",
      "if (kept !== undefined) return false;",
    ],
    [
      "a task that a killed server takes for confirmed is lost",
      "    if (end === undefined) {\n      const headers",
      "    if (end !== undefined) {\n      const headers",
    ],
    [
      "a task that runs is taken out",
      "    if (end !== undefined) await this.drop(action, task);",
      "    await this.drop(action, task);",
    ],
  ]),
  ...mutantsOf("distributed/engines/_nats_bucket.ts", ["engines/nats_dict"], [
    [
      "a write whose answer was lost counts as refused",
      "return tries === 1 ? undefined : await this.#findWritten(client, msgID);",
      "return undefined;",
    ],
  ]),
  ...mutantsOf("distributed/engines/_nats_hold.ts", ["engines/nats_lock"], [
    [
      "a held lock is not renewed",
      "since + this.#ttlMs * RENEW_AFTER - performance.now()",
      "since + this.#ttlMs * 3 - performance.now()",
    ],
    [
      "the holder is told that its lock is lost when others have it",
      "since + this.#ttlMs * SAFE_PART",
      "since + this.#ttlMs * 3",
    ],
  ]),
  ...mutantsOf("distributed/engines/_nats_watch.ts", ["engines/nats_bucket"], [
    [
      "a list waits for what was taken away",
      '      else if (untilCurrent && stalled === "") resolve();\n',
      "",
    ],
  ]),
  ...mutantsOf("distributed/engines/_nats_transport.ts", ["engines/nats_connection"], [
    [
      "a connection stands still when something throws that it calls",
      "      if (isLeft) this.#end();\n",
      "",
    ],
  ]),
];
