import { type RunningProgram, startProgram } from "./child_program.ts";
import { guard, GUARD_MS } from "./guard.ts";

const NAMES = ["python3", "python"];

let executable: Promise<string | undefined> | undefined;

/** Options of {@linkcode runPython}. */
export interface RunPythonOptions {
  /** The program's arguments, `sys.argv[1:]`. */
  args?: string[];
  /** Variables besides those of the tests' own environment. */
  env?: Record<string, string>;
  /** The folder in which it runs. */
  cwd?: string | URL;
  /** How long it may take, in milliseconds. */
  timeoutMs?: number;
}

/** What a Python program did. */
export interface PythonResult {
  /** Its exit code. */
  code: number;
  /** What it wrote to standard output. */
  stdout: string;
  /** What it wrote to standard error. */
  stderr: string;
}

/** Whether a CPython 3 can be run here. */
export async function pythonAvailable(): Promise<boolean> {
  return await findPython() !== undefined;
}

/** Runs a Python program to its end. */
export async function runPython(
  code: string,
  options: RunPythonOptions = {},
): Promise<PythonResult> {
  const { args = [], env, cwd, timeoutMs = GUARD_MS } = options;
  const child = new Deno.Command(await needPython(), {
    args: ["-c", code, ...args],
    cwd,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  try {
    const { code, stdout, stderr } = await guard(output, () => "Python to end", timeoutMs);
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } catch (error) {
    child.kill("SIGKILL");
    const stderr = new TextDecoder().decode((await output).stderr);
    throw new Error(`Cannot run Python: it wrote to standard error\n${stderr}`, { cause: error });
  }
}

/** Starts a Python program, and waits until it prints a line `READY …`. */
export async function startPython(
  code: string,
  options: RunPythonOptions = {},
): Promise<RunningProgram> {
  const { args = [], env, cwd, timeoutMs } = options;
  return await startProgram({ command: await needPython() }, {
    args: ["-u", "-c", code, ...args],
    env,
    cwd,
    readyTimeoutMs: timeoutMs,
  });
}

async function needPython(): Promise<string> {
  const found = await findPython();
  if (found === undefined) throw new Error(`Cannot run Python: found none of ${NAMES.join(", ")}`);
  return found;
}

/** The real program: the one on the PATH may be a script that looks for it each time. */
function findPython(): Promise<string | undefined> {
  return executable ??= (async () => {
    for (const name of NAMES) {
      const script = "import sys; print(sys.executable if sys.version_info >= (3, 8) else '')";
      try {
        const { success, stdout } = await new Deno.Command(name, { args: ["-c", script] }).output();
        const path = new TextDecoder().decode(stdout).trim();
        if (success && path !== "") return path;
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    return undefined;
  })();
}
