/**
 * The four states of a coroutine.
 *
 * @module
 */

/**
 * The state of a coroutine, as Python's
 * {@link https://docs.python.org/3/library/inspect.html#inspect.getgeneratorstate | inspect.getgeneratorstate}
 * names them:
 *
 * - `"created"`: nothing of its function has run yet.
 * - `"running"`: its function runs, or, for an async one, waits for something.
 * - `"suspended"`: it stands at a `yield` and waits for a value.
 * - `"closed"`: it has returned, thrown, or was closed.
 *
 * @example Created, suspended, closed
 * ```ts
 * import { coroutine, type CoroutineState } from "@manyhands/concurrency/coroutine";
 * import { assertEquals } from "@std/assert";
 *
 * const counter = coroutine(function* () {
 *   yield 1;
 * })();
 * const states: CoroutineState[] = [counter.state];
 * counter.start();
 * states.push(counter.state);
 * counter.close();
 * states.push(counter.state);
 * assertEquals(states, ["created", "suspended", "closed"]);
 * ```
 */
export type CoroutineState = "created" | "running" | "suspended" | "closed";
