import { mayRun } from "./_may_run.ts";

const FIRST_POLL_MS = 2;
const LONGEST_POLL_MS = 50;

/** A program, and what is known of those that it started. */
export interface ProcessTree {
  /** Its process id. */
  readonly pid: number;
  /** Whether it leads a process group of its own. */
  readonly ownsGroup: boolean;
  /** Resolves when the program itself has ended. */
  readonly exited: Promise<unknown>;
  /** Whether the program itself runs. */
  isRunning(): boolean;
  /** Sends a signal to the program alone, which needs no permission. */
  signalProgram(signal: Deno.Signal): void;
}

/** A process as `ps` tells of it. */
interface Listed {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** Whether it has ended, and only its parent has not been told. Where nobody asks, that lasts. */
  readonly isZombie: boolean;
  /** When it started: another process that has got its number did so later. */
  readonly started: string;
}

/** Whether this process may send signals to a process group. */
export function maySignalGroups(): boolean {
  return Deno.build.os !== "windows" && (mayRun() || mayRun("kill") || mayRun("sh"));
}

/** Whether the parts of a program may be ended at a terminal by Ctrl-C: then they stay in its group. */
export function hasTerminal(): boolean {
  return Deno.stdin.isTerminal() || Deno.stdout.isTerminal() || Deno.stderr.isTerminal();
}

/**
 * Ends a program and what it started: SIGTERM, and SIGKILL for what is left when the time is over.
 *
 * @returns When the program itself has ended.
 */
export async function endTree(tree: ProcessTree, graceMs: number): Promise<void> {
  await (tree.ownsGroup ? endGroup(tree, graceMs) : endFamily(tree, graceMs));
  await tree.exited;
}

/** Whether a group may have any member; where this process may not ask, it may. */
export function mayHaveMembers(group: number): boolean {
  return !mayRun() || trySignal(-group, 0);
}

async function endGroup(tree: ProcessTree, graceMs: number): Promise<void> {
  const { pid } = tree;
  const signal = async (name: Deno.Signal) => {
    if (!await signalGroup(pid, name)) tree.signalProgram(name);
  };
  if (graceMs > 0) {
    await signal("SIGTERM");
    const isLeft = async () =>
      await signalGroup(pid, 0) &&
      (await listProcesses())?.some(({ group, isZombie }) => group === pid && !isZombie) !== false;
    if (await isGoneWithin(tree, graceMs, isLeft)) return;
  }
  await signal("SIGKILL");
}

/** Ends those of whom `ps` says that they descend from the program. */
async function endFamily(tree: ProcessTree, graceMs: number): Promise<void> {
  const listed = await listProcesses() ?? [];
  const found = descendants(listed, new Set([tree.pid]));
  if (graceMs > 0) {
    tree.signalProgram("SIGTERM");
    for (const { pid } of found) trySignal(pid, "SIGTERM");
    const isLeft = async () =>
      found.some(({ pid }) => trySignal(pid, 0)) &&
      stillThere(found, await listProcesses()).length > 0;
    if (await isGoneWithin(tree, graceMs, isLeft)) return;
  }
  const now = graceMs > 0 && found.length > 0 ? await listProcesses() ?? [] : listed;
  const left = stillThere(found, now);
  const roots = new Set([tree.pid, ...left.map(({ pid }) => pid)]);
  tree.signalProgram("SIGKILL");
  for (const { pid } of [...left, ...descendants(now, roots)]) trySignal(pid, "SIGKILL");
}

/** Those of them that still run, and not others that have got their numbers. */
function stillThere(found: readonly Listed[], now: readonly Listed[] = []): Listed[] {
  return found.filter(({ pid, started }) =>
    now.some((other) => other.pid === pid && other.started === started && !other.isZombie)
  );
}

/** Looks again and again: there is no way to be told of the end of a process that is not one's child. */
async function isGoneWithin(
  tree: ProcessTree,
  graceMs: number,
  isLeft: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const end = performance.now() + graceMs;
  for (let pauseMs = FIRST_POLL_MS;; pauseMs = Math.min(pauseMs * 2, LONGEST_POLL_MS)) {
    if (!tree.isRunning() && !await isLeft()) return true;
    const leftMs = end - performance.now();
    if (leftMs <= 0) return false;
    await pause(Math.min(pauseMs, leftMs), tree.isRunning() ? tree.exited : undefined);
  }
}

async function pause(ms: number, until: Promise<unknown> | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, ...until === undefined ? [] : [until]]);
  clearTimeout(timer);
}

/**
 * Sends a signal to a group: by the runtime, which lets only those do it that may run everything, or else
 * by a program that does it.
 *
 * @returns Whether the group had a member that got it.
 */
async function signalGroup(group: number, signal: Deno.Signal | 0): Promise<boolean> {
  if (mayRun()) return trySignal(-group, signal);
  const name = signal === 0 ? "0" : signal.slice("SIG".length);
  const command = mayRun("kill")
    ? new Deno.Command("kill", { args: ["-s", name, "--", `-${group}`], ...QUIET })
    : new Deno.Command("sh", { args: ["-c", `kill -s ${name} -- -${group}`], ...QUIET });
  try {
    return (await command.output()).success;
  } catch {
    return false;
  }
}

const QUIET = { stdin: "null", stdout: "null", stderr: "null" } as const;

/** Sends a signal, or with 0 none; says whether there was somebody to get it. */
function trySignal(pid: number, signal: Deno.Signal | 0): boolean {
  try {
    // The runtime takes 0, although its types do not tell. Those of `node:process` do, but loading that
    // takes ten milliseconds.
    Deno.kill(pid, signal as Deno.Signal);
    return true;
  } catch (error) {
    // One that runs as another user is there all the same.
    return error instanceof Deno.errors.PermissionDenied;
  }
}

/** The processes of this machine; `undefined` where there is nobody to ask. */
async function listProcesses(): Promise<Listed[] | undefined> {
  if (Deno.build.os === "windows" || !mayRun()) return undefined;
  const args = ["-A", "-o", "pid=,ppid=,pgid=,stat=,lstart="];
  try {
    const ps = await new Deno.Command("ps", { args, ...QUIET, stdout: "piped" }).output();
    return ps.success
      ? new TextDecoder().decode(ps.stdout).split("\n").flatMap(readEntry)
      : undefined;
  } catch {
    return undefined;
  }
}

function readEntry(line: string): Listed[] {
  const [, pid, parent, group, state = "", started = ""] =
    /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
  if (pid === undefined) return [];
  return [{
    pid: Number(pid),
    parent: Number(parent),
    group: Number(group),
    isZombie: state.startsWith("Z"),
    started,
  }];
}

/** Children before grandchildren. */
function descendants(all: readonly Listed[], roots: ReadonlySet<number>): Listed[] {
  const known = new Set(roots);
  const found: Listed[] = [];
  for (let isNew = true; isNew;) {
    isNew = false;
    for (const entry of all) {
      if (known.has(entry.pid) || !known.has(entry.parent)) continue;
      known.add(entry.pid);
      found.push(entry);
      isNew = true;
    }
  }
  return found;
}

/** The error for a signal that the system does not know. */
export function unknownSignal(
  signal: string,
  cause: unknown,
  os: string = Deno.build.os,
): TypeError {
  const known = os === "windows"
    ? "Windows has no signals: SIGTERM and SIGKILL end a program, at once"
    : `"${os}" has none of that name`;
  return new TypeError(`Cannot send ${signal} to the program: ${known}`, { cause });
}
