/**
 * A process that ends the children of this one when it is gone, however it went: also those that never
 * come back to their event loop, and cannot notice it themselves. It is there as long as there are children.
 *
 * A thread in each child could do the same. It was tried first: to start it takes 8 to 11 ms of the start
 * of every child.
 */

/** Reads which processes there are until its own standard input ends, which is when the parent is gone. */
const PROGRAM = `
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"]) {
  try {
    Deno.addSignalListener(signal, () => {});
  } catch {
    // Not on this system.
  }
}
const pids = new Set();
const buffer = new Uint8Array(4096);
let line = "";
for (let count; (count = Deno.stdin.readSync(buffer)) !== null;) {
  for (const byte of buffer.subarray(0, count)) {
    if (byte !== 10) {
      line += String.fromCharCode(byte);
      continue;
    }
    if (line[0] === "+") pids.add(Number(line.slice(1)));
    else pids.delete(Number(line.slice(1)));
    line = "";
  }
}
for (const pid of pids) {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
`;

const ARGS = [
  "run",
  "--quiet",
  "--no-prompt",
  "--no-config",
  "--allow-run",
  `data:text/javascript,${encodeURIComponent(PROGRAM)}`,
];

interface Reaper {
  readonly program: string | URL;
  readonly child: Deno.ChildProcess;
  readonly stdin: WritableStreamDefaultWriter<Uint8Array>;
}

/** The children, while there are any. */
const pids = new Set<number>();
const encoder = new TextEncoder();
let reaper: Reaper | undefined;
let ending: Promise<unknown> = Promise.resolve();

/**
 * Has the child that a function starts ended when this process is gone.
 *
 * @param program What runs Deno.
 * @param start Starts the child.
 * @returns The child; and a promise that is fulfilled when it will be ended whatever happens: before that it
 * must not begin.
 */
export function startGuarded(
  program: string | URL,
  start: () => Deno.ChildProcess,
): { child: Deno.ChildProcess; guarded: Promise<void> } {
  const child = start();
  pids.add(child.pid);
  if (reaper !== undefined) return { child, guarded: tell(reaper, `+${child.pid}\n`) };
  try {
    reaper = startReaper(program);
  } catch (error) {
    // It would not be ended whatever happens, and has not begun.
    pids.delete(child.pid);
    child.kill("SIGKILL");
    throw error;
  }
  return { child, guarded: tellAll(reaper) };
}

/**
 * The child has ended.
 *
 * @returns When nothing of the reaper is left, if it was the last child.
 */
export async function releaseGuarded(child: Deno.ChildProcess): Promise<void> {
  pids.delete(child.pid);
  if (pids.size === 0) endReaper();
  else if (reaper !== undefined) return await tell(reaper, `-${child.pid}\n`);
  await ending;
}

function startReaper(program: string | URL): Reaper {
  const options = { args: ARGS, stdin: "piped", stdout: "null", stderr: "null" } as const;
  const child = new Deno.Command(program, options).spawn();
  child.unref();
  const stdin = child.stdin.getWriter();
  stdin.closed.catch(() => {});
  const started: Reaper = { program, child, stdin };
  void child.status.then(() => {
    // Somebody has killed it.
    if (reaper === started) replaceReaper();
  });
  return started;
}

function endReaper(): void {
  if (reaper === undefined) return;
  const { child, stdin } = reaper;
  reaper = undefined;
  child.ref();
  try {
    // It knows of nobody, so it has nothing to do at its end, and may still be starting.
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
  ending = Promise.all([ending, child.status, stdin.close().catch(() => {})]);
}

/** Starts another one, which is told of all children. */
function replaceReaper(): void {
  const { program } = reaper!;
  endReaper();
  try {
    reaper = startReaper(program);
    void tellAll(reaper);
  } catch {
    // The permission was given up, or the system has no room for it: the next child tries again.
  }
}

/** Tells a new one of the children that there are. */
function tellAll(to: Reaper): Promise<void> {
  return tell(to, [...pids].map((pid) => `+${pid}\n`).join(""));
}

/** A reaper that cannot be told has died, and the next one is told of all. */
async function tell(to: Reaper, text: string): Promise<void> {
  await to.stdin.write(encoder.encode(text)).catch(() => {});
}
