import type { Boot } from "./_boot.ts";
import { findConfig } from "./_config.ts";
import { startGuarded } from "./_reaper.ts";
import { fromFileUrl, permissionFlags } from "./_permission_flags.ts";
import type { Permissions } from "./permissions.ts";

/** Where the output of a child goes. */
export type ChildOutput = "inherit" | "piped" | "null";

/** What {@linkcode spawnChild} needs. */
export interface SpawnOptions {
  /** The module of the target, then its companions: absolute URLs. */
  modules: readonly string[];
  /** The module whose configuration file the child gets. */
  configModule: string;
  boot: Boot;
  permissions: Permissions;
  env: Readonly<Record<string, string>> | undefined;
  cwd: string | URL | undefined;
  stdout: ChildOutput;
  stderr: ChildOutput;
  config: string | URL | undefined;
  executable: string | URL | undefined;
}

/** A child that was spawned. */
export interface Spawned {
  readonly child: Deno.ChildProcess;
  /** Its standard input, whose end ends it. */
  readonly lifeline: WritableStreamDefaultWriter<Uint8Array>;
}

/**
 * Starts `deno run` of a generated main module. Its imports are written out, so that they are part of
 * the module graph and need no permission when the child loads them.
 */
export function spawnChild(options: SpawnOptions): Spawned {
  const { modules, boot, permissions } = options;
  const config = options.config ??
    findConfig(options.configModule, chooseProgram(options.executable));
  const args = [
    "run",
    "--quiet",
    "--no-prompt",
    ...permissionFlags(permissions, `127.0.0.1:${boot.port}`),
    ...(config === undefined ? [] : [`--config=${toPath(config)}`]),
    mainModule(modules),
  ];
  const { child, guarded } = spawnDeno(options.executable, {
    args,
    stdin: "piped",
    stdout: options.stdout,
    stderr: options.stderr,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...options.env }, clearEnv: true }),
  });
  const lifeline = child.stdin.getWriter();
  lifeline.closed.catch(() => {});
  guarded
    .then(() => lifeline.write(new TextEncoder().encode(`${JSON.stringify(boot)}\n`)))
    // A child that is dead already cannot read: its exit tells everything.
    .catch(() => {});
  return { child, lifeline };
}

function mainModule(modules: readonly string[]): string {
  const child = JSON.stringify(import.meta.resolve("./_child.ts"));
  const importers = modules.map((module) => `() => import(${JSON.stringify(module)})`);
  const code = `import { runChild } from ${child};\nawait runChild([${importers.join(", ")}]);`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/**
 * The program to run: this one's own path when that may be run, else the name `deno`, which is what
 * `--allow-run=deno` allows. In a compiled program its own path is no `deno`.
 */
function chooseProgram(executable: string | URL | undefined): string | URL {
  const own = Deno.build.standalone ? "deno" : Deno.execPath();
  return executable ?? (mayRun(own) || !mayRun("deno") ? own : "deno");
}

function spawnDeno(
  executable: string | URL | undefined,
  options: Deno.CommandOptions,
): { child: Deno.ChildProcess; guarded: Promise<void> } {
  const program = chooseProgram(executable);
  try {
    return startGuarded(program, () => new Deno.Command(program, options).spawn());
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      const missing = /access to env|LD_|DYLD_/.test(error.message)
        ? "--allow-env"
        : `--allow-run=${executable === undefined ? "deno" : String(executable)}`;
      throw new Deno.errors.NotCapable(`Cannot start a process: run again with ${missing}`, {
        cause: error,
      });
    }
    if (error instanceof Deno.errors.NotFound && executable === undefined) {
      throw new Deno.errors.NotFound(
        `Cannot start a process: there is no program "${String(program)}", or no directory "${
          String(options.cwd ?? ".")
        }"; a compiled program needs "deno" on its PATH or the "executable" option`,
        { cause: error },
      );
    }
    throw error;
  }
}

function mayRun(command: string): boolean {
  return Deno.permissions.querySync({ name: "run", command }).state === "granted";
}

function toPath(path: string | URL): string {
  if (path instanceof URL) return fromFileUrl(path);
  return path.startsWith("file:") ? fromFileUrl(new URL(path)) : path;
}
