import { assertEquals } from "@std/assert";
import { pythonAvailable, runPython } from "../support/python.ts";
import { assertGone, unixTest } from "./_programs.ts";

const MODULE = import.meta.resolve("../../process/mod.ts");

/** Runs a program in a terminal of its own, and types Ctrl-C when it has printed the process ids. */
const TERMINAL = `
import os, pty, re, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
printed = b""
while not (found := re.search(rb"READY ([0-9 ]+)\\r?\\n", printed)):
    printed += os.read(terminal, 1024)
os.write(terminal, b"\\x03")
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status), found[1].decode())
`;

unixTest(
  "run() with a time limit: Ctrl-C in a terminal ends the program together with this one",
  async () => {
    const code = `
      const { run } = await import(${JSON.stringify(MODULE)});
      await run("sh -c 'echo READY $PPID $$; exec sleep 1000'; exit 0", { shell: true, timeoutMs: 60_000 });
    `;
    const args = [Deno.execPath(), "eval", code];
    const { code: exitCode, stdout, stderr } = await runPython(TERMINAL, { args });
    assertEquals([exitCode, stderr], [0, ""]);
    const [ended, ...pids] = stdout.trim().split(" ").map(Number);
    assertEquals([ended, pids.length], [-2, 2]);
    await assertGone(...pids);
  },
  { ignore: Deno.build.os === "windows" || !await pythonAvailable() },
);
