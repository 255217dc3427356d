import { type Mutant, mutantsOf } from "../mutant.ts";

/** Changes of the room `thread`. */
export const threadMutants: readonly Mutant[] = [
  ...mutantsOf("thread/lock.ts", ["thread/lock", "thread/lock_death", "faults/thread_lock_kill"], [
    [
      "a lock whose holder has died stays locked",
      "return seen === 0 || (isEnded(seen & IDENT_BITS) && this.#tryTakeOver());",
      "return seen === 0;",
    ],
    ["nobody learns that a holder has died", "    Atomics.store(this.head, DIED, 1);\n", ""],
    [
      "of three that wait the third waits for ever",
      "const contended = this.size > 1 ? CONTENDED : 0;",
      "const contended = this.size > 2 ? CONTENDED : 0;",
    ],
    [
      "a lock is taken over before those who wait for it",
      "      this.swept();\n      // Those who wait",
      "      Atomics.store(this.head, HOLDER, 0);\n      // Those who wait",
    ],
    [
      "a lock that nobody holds can be released",
      'throw new InvalidStateError("Cannot release the lock: nobody holds it");',
      "return;",
    ],
  ]),
  ...mutantsOf("thread/_shared_line.ts", [
    "thread/lock",
    "thread/lock_death",
    "faults/thread_lock_kill",
  ], [
    [
      "one who waits is granted and not woken",
      "    Atomics.notify(this.slots, slot);\n    if (this.awaiting.size > 0) this.awaiting.get(slot)?.();",
      "",
    ],
    [
      "who was told to go stays in the line",
      "      this.#abandon(slot);\n      if (why",
      "      if (why",
    ],
    [
      "one who waits and has died gets what is next",
      "      if (slot === 0 || !isEnded(this.slots[slot + IDENT]!)) return slot;\n      this.#abandon(slot);",
      "      return slot;",
    ],
    ["one who has left is still counted", "    Atomics.sub(head, SIZE, 1);\n", ""],
    [
      "the guard of one who has died is never given up",
      "      if (!isEnded(marked & IDENT_BITS)) continue;",
      "      if (marked !== 0) continue;",
    ],
  ]),
  ...mutantsOf("thread/_wait_in_line.ts", ["thread/lock", "thread/semaphore"], [
    [
      "a wait with a time limit does not end",
      '    if (restMs === 0 && line.leave(slot, "late")) return TOO_LATE;\n',
      "",
    ],
    ["a program does not end while its last wait is over", "    letEnd();\n  };", "  };"],
    [
      "an await that has ended goes on listening",
      "    unlisten?.();\n    unwatchEnded",
      "    unwatchEnded",
    ],
    [
      "an await is given up that was granted in this moment",
      '    if (!isWaiting || !line.leave(slot, "cancelled")) return;',
      '    if (!isWaiting) return;\n    line.leave(slot, "cancelled");',
    ],
  ]),
  ...mutantsOf("thread/_queue_line.ts", ["thread/queue", "thread/queue_death"], [
    [
      "a full queue takes one item more",
      "return maxSize > 0 && this.head[COUNT]! >= maxSize;",
      "return maxSize > 0 && this.head[COUNT]! > maxSize;",
    ],
    [
      "nobody is let in when an item is taken",
      "    this.#leaveOut();\n    this.#serve();\n    return key;",
      "    this.#leaveOut();\n    return key;",
    ],
    [
      "the last taskDone() wakes nobody who joins",
      "      this.#wakeJoiners();\n      return true;",
      "      return true;",
    ],
  ]),
  ...mutantsOf("thread/_pool_runner.ts", ["thread/thread_pool", "faults/thread_pool"], [
    [
      "a thread that died leaves its calls waiting",
      '    this.#port.lost(this.#death(when), "starts known");\n',
      "",
    ],
    [
      "what a moved item held up is forgotten",
      "    if (count < items.length) job.giveBack(count);\n",
      "",
    ],
    [
      "a thread that does not stop is not ended",
      "    this.#isKilled = true;\n    this.#terminate();",
      "    this.#isKilled = true;",
    ],
  ]),
];
