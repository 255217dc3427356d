import { assertEquals } from "@std/assert";
import type { QueueStatistics, WaitOptions } from "../../coroutine/mod.ts";
import { guard } from "../support/guard.ts";
import { settle } from "../support/settle.ts";

/** A queue of numbers as one of its users has it. Where it is elsewhere, every answer takes time. */
export interface QueueHandle {
  put(item: number, options?: WaitOptions): Promise<void>;
  putNowait(item: number): void | Promise<void>;
  get(options?: WaitOptions): Promise<number>;
  getNowait(): number | Promise<number>;
  qsize(): number | Promise<number>;
  empty(): boolean | Promise<boolean>;
  full(): boolean | Promise<boolean>;
  statistics(): QueueStatistics | Promise<QueueStatistics>;
}

/** A queue that counts what is unfinished, and that can be shut down. */
export interface JoinableQueueHandle extends QueueHandle {
  taskDone(): void | Promise<void>;
  join(options?: WaitOptions): Promise<void>;
  shutdown(options?: { immediate?: boolean | undefined }): void | Promise<void>;
}

/** In which order items leave. */
export type QueueOrder = "fifo" | "lifo" | "priority";

/** What a contract is run for. */
export interface QueueSubject<Handle extends QueueHandle> {
  /** In which order items leave. */
  readonly order: QueueOrder;
  /** Makes a queue without a limit, or with one. */
  open(options?: { maxSize?: number | undefined }): OpenQueue<Handle> | Promise<OpenQueue<Handle>>;
}

/** A queue with its users; disposing ends whatever was made for it. */
export interface OpenQueue<Handle extends QueueHandle> extends AsyncDisposable {
  /** The same queue, as two different owners have it. */
  readonly handles: readonly [Handle, Handle];
}

/** The items in the order in which they leave when they were put in this one. */
export function orderOf(order: QueueOrder, items: readonly number[]): number[] {
  if (order === "fifo") return [...items];
  return order === "lifo" ? items.toReversed() : items.toSorted((a, b) => a - b);
}

/** Puts items that there is room for. */
export async function fill(queue: QueueHandle, items: readonly number[]): Promise<void> {
  for (const item of items) await queue.putNowait(item);
}

/** Takes all that is held. */
export async function drain(queue: QueueHandle): Promise<number[]> {
  const items: number[] = [];
  while (!await queue.empty()) items.push(await queue.getNowait());
  return items;
}

/** Calls a method of which it is not known whether it throws or rejects. */
export async function call<T>(method: () => T | Promise<T>): Promise<T> {
  return await method();
}

/** Waits until so many calls wait in the queue, which may be far away. */
export async function untilWaiting(
  queue: QueueHandle,
  what: "getting" | "putting" | "joining",
  count: number,
): Promise<void> {
  await guard(
    (async () => {
      while ((await queue.statistics())[what] !== count) await settle();
    })(),
    () => `${count} calls to be ${what}`,
  );
}

/** Awaits that all of them fail with errors of the class. They are watched at once. */
export async function assertAllReject(
  promises: readonly Promise<unknown>[],
  // deno-lint-ignore no-explicit-any -- the constructor is never called
  errorClass: abstract new (...args: any[]) => Error,
): Promise<void> {
  for (const result of await Promise.allSettled(promises)) {
    const name = result.status === "rejected" ? (result.reason as Error).name : "fulfilled";
    assertEquals(name, errorClass.name);
  }
}
