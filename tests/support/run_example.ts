import { withDenoOnPath } from "./deno_on_path.ts";
import { guard } from "./guard.ts";

const PROJECT_ROOT = new URL("../../", import.meta.url);
const COMMAND = /^\/\/ deno run((?: --?[a-zA-Z][^ ]*)*) ([^ -][^ ]*\.ts)((?: [^ ]+)*)$/;

/** The command on the first line of an example. */
export interface ExampleCommand {
  /** The flags for `deno run`. */
  flags: string[];
  /** The example's file, from the project's folder. */
  file: string;
  /** The arguments for the example. */
  args: string[];
}

/** Options of {@linkcode runExample}. */
export interface RunExampleOptions {
  /** Arguments for the example; by default those on its first line. */
  args?: string[];
  /** Variables besides those of the tests' own environment. */
  env?: Record<string, string>;
  /** What it reads from standard input; nothing by default. */
  input?: string;
  /** How long it may take, in milliseconds. */
  timeoutMs?: number;
}

/** What an example did. */
export interface ExampleResult {
  /** Its exit code. */
  code: number;
  /** What it wrote to standard output. */
  stdout: string;
  /** What it wrote to standard error. */
  stderr: string;
}

/** Reads `// deno run <permissions> examples/<name>.ts` from the first line of an example. */
export function parseCommand(text: string): ExampleCommand | undefined {
  const [, flags, file, args] = COMMAND.exec(text.split(/\r?\n/, 1)[0] ?? "") ?? [];
  if (flags === undefined || file === undefined || args === undefined) return undefined;
  return { flags: toWords(flags), file, args: toWords(args) };
}

/**
 * Runs an example with exactly the permissions that its first line states, and never a prompt.
 *
 * @param name the name of a file in `examples/`, or a path from the project's folder
 */
export async function runExample(
  name: string,
  options: RunExampleOptions = {},
): Promise<ExampleResult> {
  const file = (name.includes("/") ? name : `examples/${name}`).replace(/(\.ts)?$/, ".ts");
  const command = parseCommand(await Deno.readTextFile(new URL(file, PROJECT_ROOT)));
  if (command === undefined) {
    throw new Error(`Cannot run ${file}: its first line is not "// deno run … ${file}"`);
  }
  const { args = command.args, env, input, timeoutMs = 60_000 } = options;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...command.flags, file, ...args],
    cwd: PROJECT_ROOT,
    env: withDenoOnPath(env),
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout: string[] = [];
  const stderr: string[] = [];
  const done = Promise.all([
    child.status,
    collect(child.stdout, stdout),
    collect(child.stderr, stderr),
    input === undefined ? undefined : feed(child.stdin, input),
  ]);
  try {
    const describe = () =>
      `${file} to end; so far it wrote\n${stdout.join("")}\nand to standard error\n${
        stderr.join("")
      }`;
    const [{ code }] = await guard(done, describe, timeoutMs);
    return { code, stdout: stdout.join(""), stderr: stderr.join("") };
  } catch (error) {
    child.kill("SIGKILL");
    await done;
    throw error;
  }
}

function toWords(text: string): string[] {
  return text.split(" ").filter((word) => word !== "");
}

async function collect(stream: ReadableStream<Uint8Array>, into: string[]): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) into.push(text);
}

/** Writes the text and ends the input; a program need not read it. */
async function feed(stream: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stream.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
