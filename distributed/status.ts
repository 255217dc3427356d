/**
 * What goes on in a process that serves queues, for those who watch over it: as data, and over HTTP.
 *
 * @module
 */

import type { PoolStatistics } from "../coroutine/pool_statistics.ts";
import { type Address, formatAddress } from "../ipc/mod.ts";
import { METRICS_TYPE, writeMetrics } from "./_metrics_text.ts";
import { answersTo } from "./_status_hosts.ts";
import type { TaskQueueStatistics, TaskWorkerStatistics } from "./engine.ts";
import type { ServerStatistics } from "./server.ts";

/** What has a status. Names of queues and pools are the reader's to choose. */
export interface StatusSources {
  /**
   * The server of a manager.
   *
   * @default {undefined}
   */
  server?: { statistics(): ServerStatistics } | undefined;
  /**
   * Task queues, by name.
   *
   * @default {{}}
   */
  queues?: Readonly<Record<string, { statistics(): Promise<TaskQueueStatistics> }>> | undefined;
  /**
   * Pools of any kind, by name.
   *
   * @default {{}}
   */
  pools?: Readonly<Record<string, StatusPool>> | undefined;
}

/** A pool that has a status: any one, and of a `WorkerPool` its workers as well. */
export interface StatusPool {
  /**
   * How much there is to do, and what was done.
   *
   * @returns The figures of this moment.
   */
  statistics(): PoolStatistics;
  /**
   * The workers that are there.
   *
   * @returns What each of them holds and has done.
   */
  workers?(): Promise<TaskWorkerStatistics[]>;
}

/** What {@linkcode readStatus} tells of a pool. */
export interface PoolStatus extends PoolStatistics {
  /** The workers on other machines, of a `WorkerPool`. */
  workers?: TaskWorkerStatistics[] | undefined;
}

/** What {@linkcode readStatus} tells. There is nothing in it of what tasks are about. */
export interface StatusReport {
  /** How long the process has been there, in milliseconds. */
  uptimeMs: number;
  /** Connections of the server, when there is one. */
  server?: ServerStatistics | undefined;
  /** What each queue tells of itself. */
  queues: Record<string, TaskQueueStatistics>;
  /** What each pool tells of itself. */
  pools: Record<string, PoolStatus>;
}

/** Options for {@linkcode serveStatus}. */
export interface ServeStatusOptions {
  /**
   * Where to listen. Whoever reaches it needs no key, and sees names of queues and workers, and figures.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string | undefined;
  /**
   * The port; `0` lets the system choose one.
   *
   * @default {0}
   */
  port?: number | undefined;
  /**
   * Names under which the endpoint may be asked for, beside IP addresses and `localhost`: requests for another
   * name are refused, so that no web page can have a browser read it under a name of the page's own.
   *
   * @default {the hostname}
   */
  hosts?: readonly string[] | undefined;
}

/** Serves the status, until it is closed. */
export interface StatusEndpoint extends AsyncDisposable {
  /** Where it listens, with the port that the system chose when it was asked for port 0. */
  readonly address: Address;
  /** The same as a URL, with a slash at its end. */
  readonly url: string;
  /**
   * Stops to listen. Requests that are being answered are finished.
   *
   * @returns When it has stopped.
   */
  close(): Promise<void>;
}

/**
 * Reads what goes on.
 *
 * @example Of a queue
 * ```ts
 * import { readStatus, TaskQueue } from "@manyhands/concurrency/distributed";
 * import { assertEquals } from "@std/assert";
 *
 * await using images = new TaskQueue<string>();
 * await images.put("a.png");
 * const { queues } = await readStatus({ queues: { images } });
 * assertEquals(queues.images?.size, 1);
 * ```
 *
 * @param sources What to ask.
 * @returns The figures of this moment.
 * @throws {EngineUnavailableError} When the engine of a queue cannot be reached.
 */
export async function readStatus(sources: StatusSources): Promise<StatusReport> {
  const { server, queues = {}, pools = {} } = sources;
  const ofQueues = Object.entries(queues).map(async ([name, queue]) =>
    [name, await queue.statistics()] as const
  );
  const ofPools = Object.entries(pools).map(async ([name, pool]) =>
    [name, { ...pool.statistics(), workers: await pool.workers?.() }] as const
  );
  // Together: when two fail, as they do with an engine that both have, somebody has to take note of each.
  const [toldQueues, toldPools] = await Promise.all([
    Promise.all(ofQueues),
    Promise.all(ofPools),
  ]);
  return {
    uptimeMs: Math.round(performance.now()),
    server: server?.statistics(),
    queues: Object.fromEntries(toldQueues),
    pools: Object.fromEntries(toldPools),
  };
}

/**
 * Serves the status of a process over HTTP, for people and for what watches over machines.
 *
 * - `GET /status`: a {@linkcode StatusReport} as JSON.
 * - `GET /metrics`: the same in the text format of Prometheus, version 0.0.4. Names begin with `manyhands_`.
 * - `GET /healthz`: `200` and `ok` when everything answers; `503` when an engine cannot be reached.
 *
 * No key is asked for, so it listens on this machine only unless it is told otherwise, and nothing of what tasks
 * are about is shown. Nothing can be changed by it. Requests under another name than `hosts` are refused.
 *
 * Needs `--allow-net` for the address.
 *
 * @example Watching over a queue
 * ```ts
 * import { serveStatus, TaskQueue } from "@manyhands/concurrency/distributed";
 * import { assertEquals, assertStringIncludes } from "@std/assert";
 *
 * await using images = new TaskQueue<string>();
 * await using status = serveStatus({ queues: { images } });
 * await images.put("a.png");
 *
 * const metrics = await (await fetch(`${status.url}metrics`)).text();
 * assertStringIncludes(metrics, 'manyhands_queue_ready{queue="images"} 1\n');
 * const { queues } = await (await fetch(`${status.url}status`)).json();
 * assertEquals(queues.images.unfinished, 1);
 * ```
 *
 * @param sources What to tell of.
 * @param options Where to listen.
 * @returns The endpoint, which must be closed or disposed.
 * @throws {Deno.errors.AddrInUse} When the port is taken.
 * @throws {Deno.errors.NotCapable} When the permission to listen is missing.
 */
export function serveStatus(
  sources: StatusSources,
  options: ServeStatusOptions = {},
): StatusEndpoint {
  const { hostname = "127.0.0.1", port = 0, hosts = [hostname] } = options;
  const server = Deno.serve({
    hostname,
    port,
    onListen: () => {},
    onError: () => answer("The status could not be read\n", 500),
  }, (request) => respond(request, sources, hosts));
  const address = { hostname, port: (server.addr as Deno.NetAddr).port };
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => await (closing ??= server.shutdown());
  return { address, url: `http://${formatAddress(address)}/`, close, [Symbol.asyncDispose]: close };
}

async function respond(
  request: Request,
  sources: StatusSources,
  hosts: readonly string[],
): Promise<Response> {
  if (!answersTo(request.headers.get("host"), hosts)) {
    return answer("This is not served under that name\n", 421);
  }
  const { pathname } = new URL(request.url);
  if (!["/status", "/metrics", "/healthz"].includes(pathname)) {
    return answer("There is /status, /metrics and /healthz\n", 404);
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return answer("Only GET is answered\n", 405, { allow: "GET, HEAD" });
  }
  let report: StatusReport;
  try {
    report = await readStatus(sources);
  } catch {
    return answer("An engine cannot be reached\n", 503);
  }
  if (pathname === "/healthz") return answer("ok\n", 200);
  if (pathname === "/metrics") {
    return answer(writeMetrics(report), 200, { "content-type": METRICS_TYPE });
  }
  return answer(`${JSON.stringify(report)}\n`, 200, { "content-type": "application/json" });
}

function answer(
  text: string,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(text, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  });
}
