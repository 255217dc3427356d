import type { CommandIo, Screen, Stop } from "../../distributed/_cli_command.ts";
import { runCommandLine } from "../../distributed/_cli_main.ts";
import { guard } from "../support/guard.ts";
import { settle } from "../support/settle.ts";

/** The world around a command that runs in the tests' own process. */
export class FakeIo implements CommandIo, Stop {
  readonly printed: string[] = [];
  readonly complaints: string[] = [];
  input: () => Promise<string> = () => Promise.resolve("");
  screen: FakeScreen | undefined;
  readonly #inOrder = new AbortController();
  readonly #atOnce = new AbortController();
  readonly #seen = new Set<() => void>();

  get inOrder(): AbortSignal {
    return this.#inOrder.signal;
  }

  get atOnce(): AbortSignal {
    return this.#atOnce.signal;
  }

  print(line: string): void {
    this.printed.push(line);
    this.#seen.forEach((look) => look());
  }

  complain(line: string): void {
    this.complaints.push(line);
    this.#seen.forEach((look) => look());
  }

  readInput(): Promise<string> {
    return this.input();
  }

  listen(): Stop {
    return this;
  }

  /** A signal arrives. */
  stop(): void {
    (this.#inOrder.signal.aborted ? this.#atOnce : this.#inOrder).abort();
  }

  /** Waits for a line on either output that matches. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const { promise, resolve } = Promise.withResolvers<RegExpExecArray>();
    const look = (): void => {
      for (const line of [...this.printed, ...this.complaints]) {
        const match = pattern.exec(line);
        if (match !== null) resolve(match);
      }
    };
    this.#seen.add(look);
    look();
    try {
      return await guard(promise, () => `${pattern}; there is\n${this.text}`);
    } finally {
      this.#seen.delete(look);
    }
  }

  /** Everything that was written. */
  get text(): string {
    return [...this.printed, ...this.complaints].join("\n");
  }

  [Symbol.dispose](): void {}
}

/** A terminal whose keys the test presses. */
export class FakeScreen implements Screen {
  readonly drawn: string[] = [];
  readonly #columns: number;
  readonly #pressed: PromiseWithResolvers<string>[] = [Promise.withResolvers()];
  onWrite: (() => void) | undefined;

  constructor(columns = 200) {
    this.#columns = columns;
  }

  size(): { columns: number; rows: number } {
    return { columns: this.#columns, rows: 20 };
  }

  write(text: string): void {
    this.drawn.push(text);
    this.onWrite?.();
  }

  press(key: string): void {
    this.#pressed.at(-1)!.resolve(key);
    this.#pressed.push(Promise.withResolvers());
  }

  async *keys(signal: AbortSignal): AsyncGenerator<string> {
    const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
    for (let n = 0;; n++) {
      const key = await Promise.race([this.#pressed[n]!.promise, aborted]);
      if (key === undefined) return;
      yield key;
    }
  }
}

/** Runs a command to its end. */
export async function runCommand(
  args: readonly string[],
  io: FakeIo = new FakeIo(),
): Promise<{ code: number; io: FakeIo; out: string; err: string }> {
  const code = await guard(
    runCommandLine(args, io),
    () => `the end of "${args.join(" ")}", which wrote\n${io.text}`,
  );
  return { code, io, out: io.printed.join("\n"), err: io.complaints.join("\n") };
}

/** A server of task queues in this process, and what others need to reach it. */
export class ServedQueues implements AsyncDisposable {
  readonly io = new FakeIo();
  readonly #key: string;
  readonly #code: Promise<number>;
  #port = "";

  constructor(key: string, args: readonly string[]) {
    this.#key = key;
    const all = ["serve", "--port", "0", "--authkey-file", key, ...args];
    this.#code = runCommandLine(all, this.io);
  }

  /** Starts one. */
  static async start(...args: string[]): Promise<ServedQueues> {
    const key = await Deno.makeTempFile({ prefix: "key_" });
    await Deno.writeTextFile(key, "a key\n");
    const served = new ServedQueues(key, args);
    [, served.#port = ""] = await served.io.line(/^Serving .* on 127\.0\.0\.1:(\d+)$/);
    return served;
  }

  /** Options with which a command finds it. */
  get place(): string[] {
    return ["--port", this.#port, "--authkey-file", this.#key];
  }

  /** The key's file. */
  get keyFile(): string {
    return this.#key;
  }

  get port(): number {
    return Number(this.#port);
  }

  /** With what it ends. */
  async ended(): Promise<number> {
    return await guard(this.#code, () => `the end of the server, which wrote\n${this.io.text}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.io.stop();
    this.io.stop();
    await this.ended();
    await Deno.remove(this.#key);
  }
}

/** What workers of the tests run. */
export const JOBS: string = new URL("./fixtures/cli_jobs.ts", import.meta.url).href;

/** A worker of the server, in this process. */
export function startWorker(
  served: ServedQueues,
  ...args: string[]
): { io: FakeIo; code: Promise<number> } {
  const io = new FakeIo();
  const code = runCommandLine(["worker", JOBS, ...served.place, ...args], io);
  return { io, code };
}

/** Waits until the first queue of a server is in a state. */
export async function waitFor(
  served: ServedQueues,
  isSo: (queue: Record<string, number>) => boolean,
): Promise<void> {
  const looking = async (): Promise<void> => {
    for (;;) {
      const { out } = await runCommand(["stats", ...served.place, "--json"]);
      const [queue] = Object.values(JSON.parse(out).queues);
      if (isSo(queue as Record<string, number>)) return;
      await settle();
    }
  };
  await guard(looking(), () => "a state of the queue");
}
