const POLL_MS = 10;

/** Says whether the process runs; one of which only the entry is left does not. */
export async function isRunning(pid: number): Promise<boolean> {
  if (Deno.build.os === "linux") {
    try {
      const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
      return !/\) [ZX]/.test(stat);
    } catch {
      return false;
    }
  }
  const args = ["-o", "stat=", "-p", String(pid)];
  const { stdout } = await new Deno.Command("ps", { args, stdout: "piped" }).output();
  const state = new TextDecoder().decode(stdout).trim();
  return state !== "" && !state.startsWith("Z");
}

/** Waits until something outside this process has come about, which nothing here is told of. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs: number,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`Waited ${timeoutMs} ms until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Fails unless all processes end within five seconds. */
export async function assertEnd(pids: readonly number[]): Promise<void> {
  for (const pid of pids) {
    await until(async () => !await isRunning(pid), `process ${pid} has ended`, 5_000);
  }
}
