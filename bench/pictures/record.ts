/**
 * Records what programs write to a terminal.
 *
 * @module
 */

import { sleep } from "../../coroutine/mod.ts";
import type { CommandIo, Stop } from "../../distributed/_cli_command.ts";
import { runCommandLine } from "../../distributed/_cli_main.ts";
import type { Recording } from "./terminal.ts";

const DEMO_COLUMNS = 100;
const TOP_COLUMNS = 132;
const TOP_FRAMES = 6;
const TOP_INTERVAL_MS = 1_000;
const TASKS = 20_000;

/** A program is told that it writes to a terminal. */
const AS_TERMINAL = "Deno.stdout.isTerminal = () => true;";

const PROJECT_ROOT = new URL("../../", import.meta.url);

/**
 * Records the demo.
 *
 * @returns What it has written.
 * @throws {Error} When it fails.
 */
export async function recordDemo(): Promise<Recording> {
  const child = new Deno.Command("deno", {
    args: [
      "run",
      "--no-prompt",
      `--preload=data:text/javascript,${encodeURIComponent(AS_TERMINAL)}`,
      "--allow-run=deno",
      "--allow-net=127.0.0.1",
      "--allow-read=.",
      "examples/demo.ts",
    ],
    cwd: PROJECT_ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const started = performance.now();
  const chunks: [number, string][] = [];
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    chunks.push([Math.round(performance.now() - started), text]);
  }
  if (!(await child.status).success) throw new Error("The demo has failed");
  return {
    command: "deno task demo",
    description:
      "The demo in a terminal. Processes and threads take blocks of numbers over TCP and count the " +
      "primes in them; a bar tells how far they are. Half-way one of the processes is killed. At the " +
      "end one block was done twice, none is lost, and the number of primes is right.",
    columns: DEMO_COLUMNS,
    chunks,
  };
}

/**
 * Records `manyhands top`, with a server and workers of its own.
 *
 * @returns What it has written, the times in whole intervals.
 * @throws {Error} When a command fails.
 */
export async function recordTop(): Promise<Recording> {
  const key = await Deno.makeTempFile({ prefix: "key_" });
  try {
    await Deno.writeTextFile(key, crypto.randomUUID());
    return await recordTopWith(key);
  } finally {
    await Deno.remove(key);
  }
}

async function recordTopWith(key: string): Promise<Recording> {
  const port = freePort();
  const place = ["--port", String(port), "--authkey-file", key];
  const server = new SilentIo();
  const serving = runCommandLine(
    ["serve", ...place, "--queue", "images", "--queue", "mail"],
    server,
  );
  await server.printed;
  const io = new SilentIo();
  const jobs = new URL("jobs.ts", import.meta.url).href;
  const working = [["images", "2"], ["images", "1"], ["mail", "1"]].map(([queue, concurrency], n) =>
    runCommandLine(
      [
        "worker",
        jobs,
        ...place,
        "--queue",
        queue!,
        "--concurrency",
        concurrency!,
        "--name",
        NAMES[n]!,
      ],
      io,
    )
  );
  const { chunks, screen } = createRecorder();
  const putting = putTasks(place);
  const args = [
    "top",
    ...place,
    "--interval",
    String(TOP_INTERVAL_MS),
    "--count",
    String(TOP_FRAMES),
  ];
  const code = await runCommandLine(args, new SilentIo(screen));
  if (code !== 0) throw new Error(`top has ended with code ${code}`);
  // Those who put are cut off with the server.
  io.stop();
  server.stop();
  server.stop();
  await Promise.all([serving, ...working, putting]);
  return {
    command: "manyhands top",
    description:
      "The command top in a terminal: a table of two queues, images and mail, with how many tasks are " +
      "ready, leased and done and how many come and go in a second, and a table of three workers.",
    columns: TOP_COLUMNS,
    chunks,
  };
}

const NAMES = ["hall-1", "hall-2", "attic"];

/** Puts tasks into both queues, at different paces, until the server is gone. */
async function putTasks(place: readonly string[]): Promise<void> {
  const put = async (queue: string, name: string, everyMs: number): Promise<void> => {
    for (let n = 0; n < TASKS; n++) {
      const args = ["put", name, String(n), ...place, "--queue", queue];
      if (await runCommandLine(args, new SilentIo()) !== 0) return;
      await sleep(everyMs);
    }
  };
  await Promise.all([
    put("images", "shrink", 5),
    put("images", "shrink", 5),
    put("mail", "deliver", 20),
  ]);
}

/** A terminal that notes what is written to it. */
function createRecorder(): { chunks: [number, string][]; screen: CommandIo["screen"] } {
  const chunks: [number, string][] = [];
  let frame = 0;
  const screen: CommandIo["screen"] = {
    size: () => ({ columns: TOP_COLUMNS, rows: 20 }),
    write: (text) => {
      // Each drawing has its whole second, whatever the machine has to do besides.
      if (text.includes("\x1b[2J")) frame++;
      chunks.push([Math.max(0, frame - 1) * TOP_INTERVAL_MS, text]);
    },
    // deno-lint-ignore require-yield -- nobody presses one
    async *keys(signal) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  };
  return { chunks, screen };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** The world around a command of which nothing is shown but its terminal. */
class SilentIo implements CommandIo, Stop {
  readonly screen: CommandIo["screen"];
  readonly #inOrder = new AbortController();
  readonly #atOnce = new AbortController();
  readonly #printed = Promise.withResolvers<void>();

  constructor(screen?: CommandIo["screen"]) {
    this.screen = screen;
  }

  /** Fulfilled when the command has printed something. */
  get printed(): Promise<void> {
    return this.#printed.promise;
  }

  get inOrder(): AbortSignal {
    return this.#inOrder.signal;
  }

  get atOnce(): AbortSignal {
    return this.#atOnce.signal;
  }

  print(): void {
    this.#printed.resolve();
  }

  complain(): void {}

  readInput(): Promise<string> {
    return Promise.resolve("");
  }

  listen(): Stop {
    return this;
  }

  /** A signal arrives. */
  stop(): void {
    (this.inOrder.aborted ? this.#atOnce : this.#inOrder).abort();
  }

  [Symbol.dispose](): void {}
}
