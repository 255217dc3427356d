import { lend, type LentCall, type LentMethod, type Seat } from "../coroutine/_lending.ts";
import { LifoQueue } from "../coroutine/lifo_queue.ts";
import { PriorityQueue } from "../coroutine/priority_queue.ts";
import type { Queue } from "../coroutine/queue.ts";
import {
  bind,
  isTrue,
  millisecondsOf,
  type PythonArguments,
  type Signature,
} from "./_python_arguments.ts";
import type { PythonSeat, PythonView } from "./_python_view.ts";
import { PythonError } from "./python_errors.ts";

/** A queue as Python's `queue.Queue`. */
export class QueueView implements PythonView {
  readonly methods = [...METHODS.keys()];
  readonly #queue: Queue<unknown>;

  constructor(queue: Queue<unknown>) {
    this.#queue = queue;
  }

  seat(): PythonSeat {
    return new QueueSeat(lend(this.#queue)!);
  }

  repr(id: string): string {
    const queue = this.#queue;
    const name = queue instanceof PriorityQueue
      ? "PriorityQueue"
      : queue instanceof LifoQueue
      ? "LifoQueue"
      : "Queue";
    return `<queue.${name} object at 0x${id}>`;
  }

  value(): never {
    throw new PythonError("TypeError", ["cannot pickle '_thread.lock' object"]);
  }
}

type Methods = Readonly<Record<string, LentMethod>>;

interface QueueMethod {
  readonly signature: Signature;
  run(methods: Methods, call: LentCall, bound: unknown[]): unknown;
}

function method(
  name: string,
  parameters: readonly string[],
  required: number,
  run: QueueMethod["run"],
): [string, QueueMethod] {
  return [name, { signature: { name: `Queue.${name}`, parameters, required }, run }];
}

/** Sorted, as Python tells them. */
const METHODS: ReadonlyMap<string, QueueMethod> = new Map([
  method("empty", [], 0, (queue, call) => queue.empty!(call)),
  method("full", [], 0, (queue, call) => queue.full!(call)),
  method("get", ["block", "timeout"], 0, (queue, call, [block, timeout]) => {
    if (!blocks(block)) return queue.getNowait!(call);
    return queue.get!(call, { timeoutMs: limitOf(timeout) });
  }),
  method("get_nowait", [], 0, (queue, call) => queue.getNowait!(call)),
  method("join", [], 0, (queue, call) => queue.join!(call)),
  method("put", ["item", "block", "timeout"], 1, (queue, call, [item, block, timeout]) => {
    if (!blocks(block)) return queue.putNowait!(call, item);
    return queue.put!(call, item, { timeoutMs: limitOf(timeout) });
  }),
  method("put_nowait", ["item"], 1, (queue, call, [item]) => queue.putNowait!(call, item)),
  method("qsize", [], 0, (queue, call) => queue.qsize!(call)),
  method("shutdown", ["immediate"], 0, (queue, call, [immediate]) => {
    return queue.shutdown!(call, { immediate: isTrue(immediate) });
  }),
  method("task_done", [], 0, (queue, call) => {
    try {
      return queue.taskDone!(call);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new PythonError("ValueError", ["task_done() called too many times"], { cause: error });
    }
  }),
]);

class QueueSeat implements PythonSeat {
  readonly #seat: Seat;

  constructor(seat: Seat) {
    this.#seat = seat;
  }

  call(name: string, call: LentCall, args: PythonArguments): unknown {
    const { signature, run } = METHODS.get(name)!;
    return run(this.#seat.methods, call, bind(signature, args));
  }

  leave(): void {
    this.#seat.leave();
  }
}

/** `None` does not block, what was left out does. */
function blocks(block: unknown): boolean {
  return block === undefined || isTrue(block);
}

function limitOf(timeout: unknown): number | undefined {
  const timeoutMs = millisecondsOf(timeout);
  if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
    throw new PythonError("ValueError", ["'timeout' must be a non-negative number"]);
  }
  return timeoutMs;
}
