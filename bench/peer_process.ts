/**
 * A peer that is a program of its own and stays alive over all rounds.
 *
 * The protocol is lines of text. The program first prints `{"versions": {…}}`; for each line `run`
 * on its stdin it does one round, timed inside the program, and prints
 * `{"seconds": …, "operations": …}`, or `{"error": "…"}` when the work went wrong. It ends at the
 * end of its stdin, so it does not outlive this process.
 *
 * @module
 */

import { type Round, withDeadline } from "./harness.ts";

/** How long a program may take to answer, in milliseconds. */
const ANSWER_LIMIT_MS = 30_000;

/** How long a program may take to end by itself, in milliseconds. */
const END_LIMIT_MS = 5_000;

/** What to start. */
export interface PeerCommand {
  /** The program: a name on the PATH, or a path. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
}

/** A running peer program. */
export class PeerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #lines: AsyncGenerator<string, void>;
  #versions: Readonly<Record<string, string>> = {};
  #ended: Promise<void> | undefined;

  /**
   * Prefer {@linkcode PeerProcess.start}.
   *
   * @param child The program, with its stdin and stdout piped.
   */
  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#reader = child.stdout.getReader();
    this.#lines = readLines(this.#reader);
  }

  /**
   * Starts a program and waits for its first line.
   *
   * @param command What to start.
   * @returns The running program; the caller must call {@linkcode PeerProcess.end}.
   * @throws {Error} when the program cannot be started or does not answer; it is ended then.
   */
  static async start(command: PeerCommand): Promise<PeerProcess> {
    const child = new Deno.Command(command.program, {
      args: [...command.args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
      // Its own process group, so that its children can be ended with it as a last resort.
      detached: true,
    }).spawn();
    const peer = new PeerProcess(child);
    try {
      const { versions } = await peer.#answer();
      peer.#versions = versions as Record<string, string> ?? {};
      return peer;
    } catch (error) {
      await peer.end();
      throw error;
    }
  }

  /** The versions that the program named in its first line. */
  get versions(): Readonly<Record<string, string>> {
    return this.#versions;
  }

  /**
   * Lets the program do one round.
   *
   * @returns What the program measured.
   * @throws {Error} when the program reports an error, ends, or does not answer.
   */
  async round(): Promise<Round> {
    await this.#writer.write(new TextEncoder().encode("run\n"));
    const { seconds, operations } = await this.#answer();
    return { seconds: Number(seconds), operations: Number(operations) };
  }

  /**
   * Ends the program: closes its stdin, waits, and kills it when it does not end by itself.
   * Ending it twice is a no-op.
   *
   * @returns Settles when the program has ended.
   */
  end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    // It fails when the program is gone already.
    await this.#writer.close().catch(() => {});
    try {
      await withDeadline(this.#child.status, END_LIMIT_MS, "the end of a peer program");
    } catch {
      this.#kill();
      await this.#child.status;
    }
    // Reading to the end instead would wait for whoever else has inherited the program's stdout.
    await this.#reader.cancel();
  }

  #kill(): void {
    const { pid } = this.#child;
    try {
      Deno.kill(Deno.build.os === "windows" ? pid : -pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #answer(): Promise<Record<string, unknown>> {
    const next = this.#lines.next();
    const { value: line } = await withDeadline(next, ANSWER_LIMIT_MS, "a peer program's answer");
    if (typeof line !== "string") {
      const { code } = await this.#child.status;
      throw new Error(`The peer program ended with exit code ${code} before it answered`);
    }
    const answer: Record<string, unknown> = JSON.parse(line);
    if (answer.error !== undefined) throw new Error(`The peer program says: ${answer.error}`);
    return answer;
  }
}

/** The lines of a stream of bytes, without their ends. */
async function* readLines(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = "";
  while (true) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
