/**
 * Managers of what programs usually share.
 *
 * @module
 */

import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { Barrier } from "../ipc/barrier.ts";
import type { BoundedSemaphore } from "../ipc/bounded_semaphore.ts";
import type { Condition } from "../ipc/condition.ts";
import type { Event } from "../ipc/event.ts";
import type { JoinableQueue } from "../ipc/joinable_queue.ts";
import type { LifoQueue } from "../ipc/lifo_queue.ts";
import type { Lock } from "../ipc/lock.ts";
import type { Namespace } from "../ipc/namespace.ts";
import type { NumberKind, NumberOf } from "../ipc/number_kind.ts";
import type { PriorityQueue } from "../ipc/priority_queue.ts";
import type { Queue } from "../ipc/queue.ts";
import type { RLock } from "../ipc/rlock.ts";
import type { Semaphore } from "../ipc/semaphore.ts";
import type { SharedArray } from "../ipc/shared_array.ts";
import type { SharedDict } from "../ipc/shared_dict.ts";
import type { SharedList } from "../ipc/shared_list.ts";
import type { Value } from "../ipc/value.ts";
import { managerInternals, seal, setAdopter } from "./_manager_internals.ts";
import { SyncAdopter } from "./_python_adopter.ts";
import { addRegistration } from "./_registries.ts";
import { SYNC_TYPES } from "./_sync_types.ts";
import { PoolProxy } from "./pool_proxy.ts";
import { BaseManager, type BaseManagerOptions } from "./base_manager.ts";

/**
 * A {@linkcode BaseManager} of what programs usually share: dictionaries, lists, namespaces, queues, locks, numbers.
 *
 * - Each method makes a new object in the manager and answers a handle of it: the class of
 *   `@manyhands/concurrency/ipc` that stands for it, with all that it can do. A handle is passed to processes as an
 *   argument or through a queue, also into the dictionaries and lists of the manager itself, and is the same object
 *   there. Such a process reaches the manager itself, not the one that passed the handle on; what it may reach in the
 *   network is extended by that address.
 * - An object lives as long as a client has a handle that is not closed, or another object of the manager holds
 *   it. When a client ends, its handles are closed, and locks that it holds go to the next one, who learns of it.
 * - Python programs are clients as well, on the same port: to them it is a `multiprocessing.managers.SyncManager`
 *   with its `dict()`, `list()`, `Namespace()`, `Queue()`, `Lock()` and so on. What one side makes and puts into a
 *   dictionary, the other one gets out of it.
 *
 * - It is a client of such a manager in Python as well, with the same classes for handles. What Python's objects do
 *   not do is refused with a `TypeError`, or different:
 *   - Refused is what takes several steps there (`compute()`, `update()` and `compareExchange()` of a number, `add()`),
 *     `markConsistent()`, a condition with an `RLock`, and figures that Python does not tell: `statistics()`
 *     but for lists, namespaces and barriers, and so `getValue()` and `locked()` of a semaphore. `Value` and
 *     `SharedArray` have no lock of their own.
 *   - Nobody notices that a process has ended which held a lock. What this process holds is released when the handle
 *     or the manager is closed.
 *   - A `wait` at a barrier that is cancelled breaks the barrier, as one does whose time is over; one for a condition
 *     wakes all others as well. A `put` that is cancelled ends when Python has answered, within a quarter of a
 *     second, and is done if Python says so; what a cancelled `get` has taken is put back at the end.
 *   - Python's rules say which keys and items are equal: `1`, `1n` and `true` are one key. `undefined` comes back as
 *     `null`. An iteration of a dictionary goes over a copy.
 *   - A handle can be put into objects of the same manager, and is not passed to other processes: they connect to
 *     the manager themselves. What comes out of such an object is the class again; barriers, bounded semaphores and
 *     numbers are that while this client has a handle of them, and Python's own proxy otherwise.
 *   - The workers of `pool()` call functions of Python's: `pool.map("math.sqrt", [1, 4])`. See {@linkcode PoolProxy}.
 *   - There are `lifoQueue()` and `priorityQueue()` when the manager has registered `LifoQueue` and `PriorityQueue`.
 *
 * Serve it with `getServer()` in this process, with `start()` or {@linkcode Manager} in one of its own; reach one on
 * another machine with `connect()`. Needs what {@linkcode BaseManager} needs. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.managers.SyncManager | SyncManager}.
 *
 * @example A dictionary and a lock for clients anywhere
 * ```ts
 * import { SyncManager } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { address: "127.0.0.1:0", authkey: "abc" };
 * await using server = new SyncManager(options).getServer();
 *
 * await using manager = new SyncManager({ ...options, address: server.address });
 * await manager.connect();
 * await using counts = await manager.dict<string, number>();
 * await using lock = await manager.lock();
 * {
 *   await using _ = await lock.hold();
 *   await counts.set("apples", (await counts.get("apples") ?? 0) + 1);
 * }
 * assertEquals(await counts.get("apples"), 1);
 * ```
 */
export class SyncManager extends BaseManager {
  static {
    seal(SyncManager);
    setAdopter(SyncManager, () => new SyncAdopter());
    for (const [typeid, callable] of SYNC_TYPES) {
      addRegistration(SyncManager, typeid, { callable, exposed: undefined });
    }
  }

  /**
   * Makes a dictionary.
   *
   * @typeParam K What its keys are.
   * @typeParam V What its values are.
   * @param entries Its first entries.
   * @returns The dictionary.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async dict<K extends string | number | boolean | bigint | null = string, V = unknown>(
    entries: Iterable<readonly [K, V]> | Readonly<Record<string, V>> = [],
  ): Promise<SharedDict<K, V>> {
    const isIterable = Symbol.iterator in entries;
    return await this.#make("dict", [isIterable ? [...entries] : entries]);
  }

  /**
   * Makes a list.
   *
   * @typeParam T What its items are.
   * @param items Its first items.
   * @returns The list.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async list<T = unknown>(items: Iterable<T> = []): Promise<SharedList<T>> {
    return await this.#make("list", [[...items]]);
  }

  /**
   * Makes a namespace: named values.
   *
   * @typeParam T The names and what their values are.
   * @param values Its first values.
   * @returns The namespace.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async namespace<T extends object = Record<string, unknown>>(
    values: Partial<T> = {},
  ): Promise<Namespace<T>> {
    return await this.#make("Namespace", [values]);
  }

  /**
   * Makes a lock.
   *
   * @returns The lock, which nobody holds.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async lock(): Promise<Lock> {
    return await this.#make("Lock", []);
  }

  /**
   * Makes a lock that its owner can acquire again.
   *
   * @returns The lock, which nobody holds.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async rlock(): Promise<RLock> {
    return await this.#make("RLock", []);
  }

  /**
   * Makes a semaphore.
   *
   * @param value How many places it has.
   * @returns The semaphore.
   * @throws {RangeError} When the value is negative.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async semaphore(value: number = 1): Promise<Semaphore> {
    return await this.#make("Semaphore", [value]);
  }

  /**
   * Makes a semaphore that refuses to be released more often than it was acquired.
   *
   * @param value How many places it has.
   * @returns The semaphore.
   * @throws {RangeError} When the value is negative.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async boundedSemaphore(value: number = 1): Promise<BoundedSemaphore> {
    return await this.#make("BoundedSemaphore", [value]);
  }

  /**
   * Makes a condition.
   *
   * @param lock The lock that goes with it, of the same manager; without one it has its own.
   * @returns The condition.
   * @throws {TypeError} When the lock does not live in this manager.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async condition(lock?: Lock | RLock): Promise<Condition> {
    return await this.#make("Condition", lock === undefined ? [] : [lock]);
  }

  /**
   * Makes an event.
   *
   * @returns The event, which is not set.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async event(): Promise<Event> {
    return await this.#make("Event", []);
  }

  /**
   * Makes a barrier.
   *
   * @param parties How many it takes to go on.
   * @param options The limit of waits that say nothing else.
   * @returns The barrier.
   * @throws {RangeError} When there is no party.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async barrier(
    parties: number,
    options: Pick<WaitOptions, "timeoutMs"> = {},
  ): Promise<Barrier> {
    return await this.#make("Barrier", [parties, options]);
  }

  /**
   * Makes a first-in, first-out queue.
   *
   * @typeParam T What its items are.
   * @param maxSize The most items that it may hold; `0` or less sets no limit.
   * @returns The queue.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async queue<T = unknown>(maxSize: number = 0): Promise<Queue<T>> {
    return await this.#make("Queue", [maxSize]);
  }

  /**
   * Makes a queue that counts the items that are not done, and lets everybody wait for all of them.
   *
   * @typeParam T What its items are.
   * @param maxSize The most items that it may hold; `0` or less sets no limit.
   * @returns The queue.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async joinableQueue<T = unknown>(maxSize: number = 0): Promise<JoinableQueue<T>> {
    return await this.#make("JoinableQueue", [maxSize]);
  }

  /**
   * Makes a queue that gives the item first that was put last.
   *
   * @typeParam T What its items are.
   * @param maxSize The most items that it may hold; `0` or less sets no limit.
   * @returns The queue.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async lifoQueue<T = unknown>(maxSize: number = 0): Promise<LifoQueue<T>> {
    return await this.#make("LifoQueue", [maxSize]);
  }

  /**
   * Makes a queue that gives the smallest item first.
   *
   * @typeParam T What its items are.
   * @param maxSize The most items that it may hold; `0` or less sets no limit.
   * @returns The queue.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async priorityQueue<T = unknown>(maxSize: number = 0): Promise<PriorityQueue<T>> {
    return await this.#make("PriorityQueue", [maxSize]);
  }

  /**
   * Makes a number that all share.
   *
   * @typeParam K What the number is.
   * @param kind What the number is.
   * @param initial The first value; `0` without it.
   * @returns The value.
   * @throws {TypeError} When there is no such kind.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async value<K extends NumberKind>(kind: K, initial?: NumberOf<K>): Promise<Value<K>> {
    return await this.#make("Value", initial === undefined ? [kind] : [kind, initial]);
  }

  /**
   * Makes numbers that all share.
   *
   * @typeParam K What the numbers are.
   * @param kind What the numbers are.
   * @param lengthOrValues How many there are, all `0`; or the first values.
   * @returns The array.
   * @throws {TypeError} When there is no such kind.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async array<K extends NumberKind>(
    kind: K,
    lengthOrValues: number | Iterable<NumberOf<K>>,
  ): Promise<SharedArray<K>> {
    const given = typeof lengthOrValues === "number" ? lengthOrValues : [...lengthOrValues];
    return await this.#make("Array", [kind, given]);
  }

  /**
   * Makes a pool of processes, which are children of the manager. See {@linkcode PoolProxy}: the manager needs the
   * option `module`, and its process the permissions to have children. One in Python needs neither.
   *
   * @param processes How many workers it may have; without it, as many as the manager's machine has processors.
   * @returns The pool.
   * @throws {TypeError} When the manager has no module.
   * @throws {Deno.errors.NotCapable} When the manager may not have children.
   * @throws {ProcessStateError} When the manager was neither started nor connected.
   */
  async pool(processes?: number): Promise<PoolProxy> {
    const made = await this.#make<object>("Pool", processes === undefined ? [] : [processes]);
    return made instanceof PoolProxy ? made : new PoolProxy(made);
  }

  async #make<T>(typeid: string, args: readonly unknown[]): Promise<T> {
    return await managerInternals.create(this, typeid, args) as T;
  }
}

/**
 * Starts a {@linkcode SyncManager} in a process of its own, for this program and the processes that it starts.
 *
 * It ends with this program at the latest. Needs `--allow-run=deno --allow-net=127.0.0.1`. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Manager | multiprocessing.Manager}.
 *
 * @example Two processes fill a dictionary and a list
 * ```ts
 * import { Manager } from "@manyhands/concurrency/distributed";
 * import type { SharedDict, SharedList } from "@manyhands/concurrency/ipc";
 * import { Process } from "@manyhands/concurrency/process";
 *
 * export async function fill(
 *   names: SharedDict<number, string>,
 *   lengths: SharedList<number>,
 *   name: string,
 * ): Promise<void> {
 *   await names.set(await names.size(), name);
 *   await lengths.push(name.length);
 * }
 *
 * if (import.meta.main) {
 *   await using manager = await Manager();
 *   const names = await manager.dict<number, string>();
 *   const lengths = await manager.list<number>();
 *   const module = import.meta.url;
 *   for (const name of ["Ada", "Grace"]) {
 *     await using child = new Process({ module, target: fill, args: [names, lengths, name] });
 *     await child.start();
 *     await child.join();
 *   }
 *   console.log(await names.copy(), await lengths.toArray());
 * }
 * ```
 *
 * @param options Where it listens, its limits and the permissions of its process.
 * @param wait How long the start may take, and what stops it.
 * @returns The manager, of which this process is a client.
 * @throws {Deno.errors.NotCapable} When the permission to run `deno` or to use the address is missing.
 * @throws {TimeoutError} When it took longer than `timeoutMs`.
 */
export async function Manager(
  options: BaseManagerOptions = {},
  wait: WaitOptions = {},
): Promise<SyncManager> {
  const manager = new SyncManager(options);
  await manager.start(wait);
  return manager;
}
