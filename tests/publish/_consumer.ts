import { withDenoOnPath } from "../support/deno_on_path.ts";
import { guard } from "../support/guard.ts";
import type { JsrRegistry } from "../support/jsr_registry.ts";

const TIMEOUT_MS = 120_000;

/** What a consumer's program did. */
export interface ConsumerResult {
  /** Its exit code. */
  code: number;
  /** What it wrote to standard output. */
  stdout: string;
  /** What it wrote to standard error. */
  stderr: string;
}

/** Somebody's project in a folder of its own, with an empty cache, which uses a registry. */
export class Consumer implements AsyncDisposable {
  readonly #folder: string;
  readonly #env: Record<string, string>;

  constructor(folder: string, registry: JsrRegistry) {
    this.#folder = folder;
    this.#env = withDenoOnPath({
      DENO_DIR: `${folder}/cache`,
      DENO_NO_UPDATE_CHECK: "1",
      JSR_URL: registry.url,
      NO_COLOR: "1",
    });
  }

  /** Makes the project, with its files. */
  static async create(
    registry: JsrRegistry,
    files: Readonly<Record<string, string>> = {},
  ): Promise<Consumer> {
    const folder = await Deno.makeTempDir({ prefix: "consumer_" });
    for (const [name, text] of Object.entries({ "deno.json": "{}", ...files })) {
      await Deno.mkdir(new URL(".", `file://${folder}/${name}`), { recursive: true });
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    return new Consumer(folder, registry);
  }

  /** Where a file of the project is. */
  path(name: string): string {
    return `${this.#folder}/${name}`;
  }

  /** Runs `deno` in the project's folder. */
  deno(...args: string[]): Promise<ConsumerResult> {
    return this.#run(Deno.execPath(), args);
  }

  /** Runs a program of the project. */
  run(program: string, ...args: string[]): Promise<ConsumerResult> {
    return this.#run(`${this.#folder}/${program}`, args);
  }

  async #run(program: string, args: string[]): Promise<ConsumerResult> {
    const child = new Deno.Command(program, {
      args,
      cwd: this.#folder,
      env: this.#env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = child.output();
    try {
      const describe = () => `${program} ${args.join(" ")} to end`;
      const { code, stdout, stderr } = await guard(output, describe, TIMEOUT_MS);
      const decoder = new TextDecoder();
      return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    } catch (error) {
      child.kill("SIGKILL");
      await output;
      throw error;
    }
  }

  /** Removes the project. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}
