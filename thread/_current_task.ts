import { currentOwner } from "../coroutine/_owner.ts";

const numbers = new WeakMap<object, number>();
let last = 0;

/** The number of the current task within this thread; `0` outside of tasks. */
export function currentTaskNumber(): number {
  const task = currentOwner();
  if (task === undefined) return 0;
  let number = numbers.get(task);
  if (number === undefined) numbers.set(task, number = ++last);
  return number;
}
