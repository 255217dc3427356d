/**
 * Other machines: managers over TCP.
 *
 * ## How to choose
 *
 * - One machine, processes that this one starts: `Queue` of `@manyhands/concurrency/ipc`, passed as an
 *   argument, needs no address and no key.
 * - Dictionaries, lists, locks and numbers for several processes: {@linkcode Manager}, and for several machines
 *   {@linkcode SyncManager}, also with Python programs.
 * - Workers on other machines, or programs that come and go: {@linkcode BaseManager}. One process serves
 *   queues and other objects at an address, everybody else connects to it with a key.
 * - Tasks that must not be lost with a worker, and results that are awaited: {@linkcode TaskQueue}.
 * - Functions called on other machines as those of any pool: {@linkcode WorkerPool} here, and
 *   {@linkcode serveTasks} there. From a terminal: `@manyhands/concurrency/distributed/cli`.
 * - Functions and classes of one program, called from others: {@linkcode RpcServer} and {@linkcode RpcClient}.
 * - What goes on, for people and for Prometheus: {@linkcode readStatus} and {@linkcode serveStatus}.
 *
 * Everybody who connects has the same key. What is sent is encrypted with the option `tls`; use it without only in
 * networks that you trust. Python programs take part by Python's own `multiprocessing.managers`, on the same port.
 *
 * @example A master that serves a queue, and a worker that takes from it
 * ```ts
 * import { Queue } from "@manyhands/concurrency/coroutine";
 * import { BaseManager } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * const tasks = new Queue<number>();
 * const Master = BaseManager.register("getTasks", { callable: () => tasks });
 * await using server = new Master({ address: "127.0.0.1:0", authkey: "abc" }).getServer();
 *
 * const Worker = BaseManager.register("getTasks", { proxyType: Queue<number> });
 * await using worker = new Worker({ address: server.address, authkey: "abc" });
 * await worker.connect();
 * const remoteTasks = await worker.getTasks();
 *
 * await tasks.put(7);
 * assertEquals(await remoteTasks.get(), 7);
 * ```
 *
 * @module
 */

export * from "./base_manager.ts";
export * from "./base_manager_options.ts";
export * from "./embedded_engine.ts";
export * from "./engine.ts";
export * from "./managed.ts";
export * from "./pool_proxy.ts";
export * from "./python_errors.ts";
export * from "./python_keywords.ts";
export * from "./python_types.ts";
export * from "./retry_options.ts";
export * from "./rpc.ts";
export * from "./rpc_client.ts";
export * from "./rpc_server.ts";
export * from "./rpc_time_left.ts";
export * from "./serve_tasks.ts";
export * from "./server.ts";
export * from "./status.ts";
export * from "./sync_manager.ts";
export * from "./task_errors.ts";
export * from "./task_handle.ts";
export * from "./task_lease.ts";
export * from "./task_queue.ts";
export * from "./worker_pool.ts";
