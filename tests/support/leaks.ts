/**
 * Finds what the sanitizers of `deno test` do not see: Workers and child processes that a test
 * leaves alive.
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import { guard } from "./guard.ts";

/** How long a test may take before it counts as one that would wait for ever, in milliseconds. */
const TEST_LIMIT_MS = 120_000;

/** How long a Worker or a child on its way out may take, in milliseconds. */
const EXIT_TIMEOUT_MS = 5_000;
const POLL_MS = 10;

/** Options of {@linkcode leakTest} and {@linkcode assertNoLeaks}. */
export interface LeakOptions {
  /** How long exits that are under way at the end may take, in milliseconds. */
  exitTimeoutMs?: number;
}

/** A child process or a Worker that is alive. */
export interface Hand {
  /** The same for the same hand, and for no other. */
  id: string;
  /** What to call it in a message. */
  description: string;
}

/**
 * A test that fails when it leaves a Worker or a child process alive, or never ends. It waits for
 * exits that are under way.
 */
export function leakTest(
  name: string,
  fn: (context: Deno.TestContext) => void | Promise<void>,
  options: LeakOptions & Omit<Deno.TestDefinition, "name" | "fn"> = {},
): void {
  const { exitTimeoutMs, ...definition } = options;
  Deno.test({
    ...definition,
    name,
    fn: (context) =>
      assertNoLeaks(async () => {
        await guard(Promise.resolve(fn(context)), () => `"${name}" to end`, TEST_LIMIT_MS);
      }, { exitTimeoutMs }),
  });
}

/** Calls the function, and fails when it leaves a Worker or a child process alive. */
export async function assertNoLeaks(
  fn: () => void | Promise<void>,
  options: LeakOptions = {},
): Promise<void> {
  const { exitTimeoutMs = EXIT_TIMEOUT_MS } = options;
  using workers = new WorkerCount();
  const list = async (): Promise<Hand[]> => [
    ...await listChildren(),
    ...listWorkerThreads() ?? workers.list(),
  ];
  const before = new Set((await list()).map(({ id }) => id));
  await fn();
  const end = performance.now() + exitTimeoutMs;
  while (true) {
    const left = (await list()).filter(({ id }) => !before.has(id));
    if (left.length === 0) return;
    if (performance.now() >= end) {
      const lines = left.map(({ description }) => `  ${description}`);
      throw new AssertionError(`Expected nothing to be left alive, but found\n${lines.join("\n")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Counts the Web Workers that this isolate makes, from now until it is disposed of. */
export class WorkerCount implements Disposable {
  readonly #original = globalThis.Worker;
  readonly #alive = new Map<Worker, Hand>();

  constructor() {
    const alive = this.#alive;
    let made = 0;
    globalThis.Worker = class extends this.#original {
      constructor(specifier: string | URL, options?: WorkerOptions) {
        super(specifier, options);
        const description = `Worker of ${String(specifier).slice(0, 200)}`;
        alive.set(this, { id: `worker ${++made}`, description });
      }

      override terminate(): void {
        alive.delete(this);
        super.terminate();
      }
    };
  }

  /** The Workers that nobody has terminated. One that closed itself is still told. */
  list(): Hand[] {
    return [...this.#alive.values()];
  }

  /** Puts the runtime's own class back. */
  [Symbol.dispose](): void {
    globalThis.Worker = this.#original;
  }
}

/**
 * The threads of the Workers of this process, those of `node:worker_threads` too, and those that
 * were terminated and still run; nothing where the system does not tell them.
 *
 * They are those of all test files that run at the same time, which `deno test --parallel` would
 * mix up: then it is nothing, too.
 */
export function listWorkerThreads(): Hand[] | undefined {
  if (Deno.build.os !== "linux") return undefined;
  const names = listTasks().map((task) => ({ task, name: readText(`${task}/comm`).trim() }));
  if (isSharedProcess(names.map(({ name }) => name))) return undefined;
  return names.filter(({ name }) => /^worker-\d+$/.test(name))
    .map(({ task, name }) => ({ id: task, description: `thread of Worker ${name}` }));
}

/** The child processes of this process that are alive; none where the system does not tell them. */
export async function listChildren(): Promise<Hand[]> {
  if (Deno.build.os === "linux") return listChildrenByProc();
  if (Deno.build.os === "windows") return [];
  return await listChildrenByPs();
}

function listChildrenByProc(): Hand[] {
  const tasks = listTasks();
  const isShared = isSharedProcess(tasks.map((task) => readText(`${task}/comm`).trim()));
  // Each test file has a thread of its own, and `children` tells what that thread started.
  const ours = isShared ? ["/proc/thread-self"] : tasks;
  return ours.flatMap((task) => readText(`${task}/children`).split(" "))
    .filter((pid) => pid !== "" && !hasExited(pid))
    .map((pid) => {
      const command = readText(`/proc/${pid}/cmdline`).replaceAll("\0", " ").slice(0, 200);
      return { id: `child ${pid}`, description: `child process ${pid}: ${command}` };
    });
}

/** `ps` lists every process of the machine, itself among them. */
export async function listChildrenByPs(): Promise<Hand[]> {
  const args = ["-A", "-o", "pid=,ppid=,stat=,command="];
  const ps = new Deno.Command("ps", { args, stdin: "null", stdout: "piped" }).spawn();
  const { stdout } = await ps.output();
  const hands: Hand[] = [];
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    const [, pid, parent, state = "", command = ""] =
      /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (Number(parent) !== Deno.pid || Number(pid) === ps.pid || state.startsWith("Z")) continue;
    const description = `child process ${pid}: ${command.slice(0, 200)}`;
    hands.push({ id: `child ${pid}`, description });
  }
  return hands;
}

/** Says whether other test files run in this process at the same time: each has a watchdog. */
function isSharedProcess(threadNames: readonly string[]): boolean {
  return threadNames.filter((name) => name.startsWith("deno-test-watch")).length > 1;
}

function listTasks(): string[] {
  return [...Deno.readDirSync("/proc/self/task")].map(({ name }) => `/proc/self/task/${name}`);
}

/** Says whether only the entry of the process is left, for its parent to read the status. */
function hasExited(pid: string): boolean {
  const state = /\) (\S)/.exec(readText(`/proc/${pid}/stat`))?.[1];
  return state === undefined || state === "Z";
}

/** The text of a file of `/proc`, empty when its thread or process has just gone. */
function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
