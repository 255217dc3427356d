import {
  Barrier,
  BoundedSemaphore,
  Condition,
  Event,
  Lock,
  Queue,
  RLock,
  Semaphore,
} from "../../coroutine/mod.ts";
import { BaseManager, PythonError } from "../../distributed/mod.ts";

/** What fixtures/python_reference.py has, made here. */

class Counter {
  #n: number;

  constructor(start: number) {
    this.#n = start;
  }

  add(n: number): number {
    return this.#n += n;
  }

  fail(): never {
    throw new PythonError("ValueError", ["bad", 3]);
  }

  function(): unknown {
    return () => 1;
  }

  *numbers(count: number): Generator<number> {
    for (let n = 0; n < count; n++) yield n;
  }

  /** What a counter is made of: the manager makes it. */
  child(): number {
    return this.#n;
  }

  options(first: unknown, { secondOne = 2 }: { secondOne?: unknown } = {}): unknown[] {
    return [first, secondOne];
  }
}

class Thrower {
  local(): never {
    throw new PythonError("ValueError", [() => 1]);
  }
}

/** What a client hands over: the manager has nothing that makes it. */
abstract class Plain {
  abstract append(item: unknown): void;
}

/** As a constructor of Python's does, it takes no more than it has parameters. */
function makeCounter(...args: number[]): Counter {
  if (args.length > 1) throw new TypeError("Counter.__init__() takes from 1 to 2");
  return new Counter(args[0] ?? 0);
}

function makeList(items: unknown = []): unknown[] {
  // The numbers of a range come as a description of it.
  if (items instanceof Object && "callable" in items) {
    const { args } = items as unknown as { args: [number, number, number] };
    return Array.from({ length: args[1] }, (_, i) => args[0] + i * args[2]);
  }
  return [...items as unknown[]];
}

/** Makes what a manager serves, new for each test. */
export function makeReference() {
  const tasks = new Queue<unknown>();
  const bounded = new Queue<unknown>(1);
  const Manager = BaseManager
    .register("getTasks", { callable: () => tasks })
    .register("getBounded", { callable: () => bounded })
    .register("Counter", {
      callable: makeCounter,
      methodToTypeid: { numbers: "Iterator", child: "Counter" },
    })
    .register("Thrower", { callable: () => new Thrower() })
    .register("Plain", { proxyType: Plain })
    .register("Adder", { callable: makeCounter, exposed: ["add"] })
    .register("list", { callable: makeList })
    .register("dict", {
      callable: (...parts: object[]) => new Map(parts.flatMap((part) => Object.entries(part))),
    })
    .register("Lock", { callable: () => new Lock() })
    .register("RLock", { callable: () => new RLock() })
    .register("Semaphore", { callable: (value: number) => new Semaphore(value) })
    .register("BoundedSemaphore", { callable: (value: number) => new BoundedSemaphore(value) })
    .register("Event", { callable: () => new Event() })
    .register("Condition", { callable: () => new Condition(new RLock()) })
    .register("Barrier", { callable: (parties: number) => new Barrier(parties) });
  return { tasks, bounded, Manager };
}
