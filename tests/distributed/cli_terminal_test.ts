import { assert, assertEquals, assertMatch } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, runPython } from "../support/python.ts";
import { ServedQueues } from "./cli_io.ts";

/** The command line on a real terminal, which Python's `pty` makes. */

const ignore = Deno.build.os === "windows" || !await pythonAvailable();
if (ignore) console.warn("cli_terminal_test: there is no terminal, so nothing is tested with it");

/** Runs a command on a terminal, presses keys when it has drawn, and says what became of it. */
const TERMINAL = `
import fcntl, json, os, pty, select, struct, subprocess, sys, termios
columns, keys, has_keys, *command = sys.argv[1:]
master, slave = pty.openpty()
if columns != '0': fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 5, int(columns), 0, 0))
before = termios.tcgetattr(slave)
stdin = slave if has_keys == 'yes' else subprocess.DEVNULL
child = subprocess.Popen(command, stdin=stdin, stdout=slave, stderr=subprocess.PIPE)
shown, raw = b'', None
while True:
    if select.select([master], [], [], 0.02)[0]: shown += os.read(master, 65536)
    elif child.poll() is not None: break
    if raw is None and shown.count(b'\\x1b[H\\x1b[2J') >= 2:
        raw = not termios.tcgetattr(slave)[3] & termios.ICANON
        if keys: os.write(master, keys.encode())
print(json.dumps({
    'code': child.returncode, 'shown': shown.decode(), 'err': child.stderr.read().decode(), 'raw': raw,
    'restored': termios.tcgetattr(slave)[3] == before[3],
}))
`;

interface Seen {
  readonly code: number;
  readonly shown: string;
  readonly err: string;
  readonly raw: boolean | null;
  readonly restored: boolean;
}

async function runOnTerminal(
  args: readonly string[],
  { columns = 0, keys = "", hasKeys = true } = {},
): Promise<Seen> {
  const cli = new URL("../../distributed/cli.ts", import.meta.url).href;
  const command = [Deno.execPath(), "run", "-A", "--no-check", cli, ...args];
  const { stdout, stderr } = await runPython(TERMINAL, {
    args: [String(columns), keys, hasKeys ? "yes" : "no", ...command],
  });
  assertEquals(stderr, "");
  return JSON.parse(stdout);
}

leakTest("manyhands top draws on a terminal and reads its keys one by one", async () => {
  await using served = await ServedQueues.start();
  const top = ["top", ...served.place, "--interval", "20"];
  for (const [keys, columns] of [["xq", 0], ["\x03", 30]] as const) {
    const seen = await runOnTerminal(top, { keys, columns });
    assertEquals([seen.code, seen.err, seen.raw, seen.restored], [0, "", true, true]);
    assert(seen.shown.startsWith("\x1b[?25l\x1b[H\x1b[2J"), seen.shown);
    assert(seen.shown.trimEnd().endsWith("\x1b[?25h"), seen.shown);
    // A terminal that does not tell its size has 80 columns and 24 lines.
    const frames = seen.shown.split("\x1b[H\x1b[2J").slice(1);
    for (const frame of frames) {
      const lines = frame.replace("\x1b[?25h", "").trimEnd().split(/\r*\n/);
      assertMatch(lines[0]!, /^manyhands top - 127/);
      assertEquals(Math.max(...lines.map((line) => line.length)), columns || 80);
      assert(columns === 0 ? lines.length > 4 : lines.length === 4, frame);
    }
  }
}, { ignore });

leakTest("manyhands top draws on a terminal where it has no keys to read", async () => {
  await using served = await ServedQueues.start();
  const top = ["top", ...served.place, "--interval", "20", "--count", "3"];
  for (const hasKeys of [true, false]) {
    const seen = await runOnTerminal(top, { hasKeys });
    assertEquals([seen.code, seen.err, seen.restored], [0, "", true]);
    assertEquals(seen.shown.split("\x1b[H\x1b[2J").length, 4);
  }
}, { ignore });
