import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { COMMANDS } from "../../distributed/_cli_main.ts";
import { withDenoOnPath } from "../support/deno_on_path.ts";
import { freePort } from "../support/free_port.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";

/**
 * The command line as programs of their own, each with exactly the permissions that its help tells.
 */

const ROOT = new URL("../../", import.meta.url);
const JOBS = "tests/distributed/fixtures/cli_jobs.ts";
const KEY = { MANYHANDS_AUTHKEY: "a key" };
const CAN_SIGNAL = Deno.build.os !== "windows";

/** The flags that the help of a command tells, for a port. */
function flagsOf(name: string, port: number): string[] {
  const { permissions } = COMMANDS.find((command) => command.name === name)!;
  const first = permissions.split(/\(|;|,/)[0]!;
  return first.trim().split(/\s+/).map((flag) =>
    flag.replace("HOST:PORT", `127.0.0.1:${port}`).replace("MODULE", JOBS)
  );
}

function linesOf(stream: ReadableStream<Uint8Array>): ReadableStreamDefaultReader<string> {
  return stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .pipeThrough(new TextLineStream()).getReader();
}

/** What a worker says to the first signal. */
const LEAVING = "Leaving when what runs has ended; stop again to give it back";

/** A command that runs. */
class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #errors: ReadableStreamDefaultReader<string>;

  constructor(
    flags: readonly string[],
    args: readonly string[],
    env: Record<string, string> = KEY,
  ) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--no-check", ...flags, "distributed/cli.ts", ...args],
      cwd: ROOT,
      env: withDenoOnPath({ ...env, NO_COLOR: "1" }),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#lines = linesOf(this.#child.stdout);
    this.#errors = linesOf(this.#child.stderr);
  }

  /** The next line of results. */
  async line(): Promise<string | undefined> {
    return (await guard(this.#lines.read(), () => "a line")).value;
  }

  /** The next line of standard error. */
  async errorLine(): Promise<string | undefined> {
    return (await guard(this.#errors.read(), () => "a line of standard error")).value;
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for its end. */
  async end(): Promise<{ code: number; out: string; err: string }> {
    const out: string[] = [];
    const err: string[] = [];
    for (let line; (line = await this.line()) !== undefined;) out.push(line);
    for (let line; (line = await this.errorLine()) !== undefined;) err.push(line);
    const { code } = await guard(this.#child.status, () => "the end of the program");
    return { code, out: out.join("\n"), err: err.join("\n") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.end();
  }
}

/** Runs a command to its end, with the permissions that its help tells. */
async function run(
  port: number,
  args: readonly string[],
  env?: Record<string, string>,
): Promise<{ code: number; out: string; err: string }> {
  const flags = flagsOf(args[0]!, port);
  await using program = new Program(flags, [...args, "--port", String(port)], env);
  return await program.end();
}

leakTest(
  "every command runs with the permissions of its help; signals end servers and workers with code 0",
  async () => {
    const port = freePort();
    const at = ["--port", String(port)];
    await using server = new Program(flagsOf("serve", port), ["serve", ...at]);
    assertEquals(await server.line(), `Serving queue tasks on 127.0.0.1:${port}`);
    await using worker = new Program(flagsOf("worker", port), ["worker", JOBS, ...at]);
    assertEquals(
      await worker.line(),
      `Working for 127.0.0.1:${port}, with describe, fail, hang, square`,
    );
    assertEquals(await run(port, ["put", "square", "7", "--wait"]), {
      code: 0,
      out: "49",
      err: "",
    });
    assertEquals((await run(port, ["get", "--timeout", "0"])).code, 5);
    assertMatch((await run(port, ["stats"])).out, /^tasks /m);
    assertMatch((await run(port, ["top", "--count", "1"])).out, /^tasks: /);
    assertMatch((await run(port, ["ping", "--count", "1"])).out, /the key is right/);
    worker.kill("SIGTERM");
    assertEquals(await worker.end(), { code: 0, out: "", err: LEAVING });
    server.kill("SIGINT");
    assertEquals(await server.end(), { code: 0, out: "", err: "" });
  },
  { ignore: !CAN_SIGNAL },
);

for (const inside of ["processes", "threads"]) {
  leakTest(
    `manyhands worker --inside ${inside} needs only what its help tells`,
    async () => {
      const port = freePort();
      const at = ["--port", String(port)];
      await using server = new Program(flagsOf("serve", port), ["serve", ...at]);
      await server.line();
      const flags = inside === "threads"
        ? flagsOf("worker", port).map((flag) => flag.replace(/^--allow-read=.*/, "--allow-read"))
        : [`--allow-net=127.0.0.1`, "--allow-env=MANYHANDS_AUTHKEY", "--allow-run=deno"];
      const args = ["worker", JOBS, ...at, "--inside", inside, "--concurrency", "1"];
      await using worker = new Program(flags, args);
      assertEquals(await worker.line(), `Working for 127.0.0.1:${port}`);
      assertEquals(await run(port, ["put", "square", "7", "--wait"]), {
        code: 0,
        out: "49",
        err: "",
      });
      const failed = await run(port, ["put", "notAFunction", "--wait"]);
      assertEquals(failed.code, 1);
      assertStringIncludes(failed.err, "square");
      // What runs there can be stopped: the task is given back.
      assertEquals((await run(port, ["put", "hang"])).code, 0);
      worker.kill("SIGTERM");
      // Two signals of a kind that come at once are one.
      assertEquals(await worker.errorLine(), LEAVING);
      worker.kill("SIGTERM");
      assertEquals((await worker.end()).code, 0);
      assertMatch((await run(port, ["get", "--complete"])).out, /"attempt":1,/);
    },
    { ignore: !CAN_SIGNAL },
  );
}

leakTest(
  "manyhands tells of a missing permission, a missing key and a crash of a module in one line",
  async () => {
    const port = freePort();
    await using bare = new Program(["--allow-env=MANYHANDS_AUTHKEY"], [
      "ping",
      "--port",
      String(port),
    ]);
    const { code, err } = await bare.end();
    assertEquals(code, 1);
    assertMatch(err, /^A permission is missing: [^\n]*--allow-net=127\.0\.0\.1:\d+[^\n]*$/);
    await using closed = new Program([`--allow-net=127.0.0.1:${port}`], ["ping"]);
    assertMatch(
      (await closed.end()).err,
      /^A permission is missing: [^\n]*MANYHANDS_AUTHKEY[^\n]*$/,
    );
    const keyless = await run(port, ["ping"], { MANYHANDS_AUTHKEY: "" });
    assertEquals(keyless.code, 2);
    assertMatch(keyless.err, /^There is no key: set the variable MANYHANDS_AUTHKEY[^\n]*$/);
    await using crashing = new Program(flagsOf("worker", port), [
      "worker",
      "data:text/javascript,throw new Error('no\\nmore')",
    ]);
    const crashed = await crashing.end();
    assertEquals([crashed.code, crashed.err], [1, "Cannot load the module: Error: no"]);
  },
);

Deno.test("flagsOf() reads permissions that are there", () => {
  for (const { name } of COMMANDS) {
    const flags = flagsOf(name, 5000);
    assert(flags.includes("--allow-net=127.0.0.1:5000"), String(flags));
    assert(flags.includes("--allow-env=MANYHANDS_AUTHKEY"), String(flags));
  }
});
