/**
 * A manager with a queue of tasks and one of results, for a worker in Python.
 *
 * @module
 */

import { Queue } from "@manyhands/concurrency/coroutine";
import { BaseManager } from "@manyhands/concurrency/distributed";

const tasks = new Queue<number>();
const results = new Queue<number>();

/** The queue of tasks. */
export function getTasks(): Queue<number> {
  return tasks;
}

/** The queue of results. */
export function getResults(): Queue<number> {
  return results;
}

/** The manager that serves them. */
export const TaskManager = BaseManager
  .register("getTasks", { callable: getTasks })
  .register("getResults", { callable: getResults });
