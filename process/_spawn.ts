import { ownModule } from "../ipc/_run_by_name.ts";
import type { Boot } from "./_boot.ts";
import { findConfig } from "./_config.ts";
import { mayRun } from "./_may_run.ts";
import { startGuarded } from "./_reaper.ts";
import { allowNiceness, setNiceness } from "./_niceness.ts";
import { fromFileUrl, permissionFlags } from "./_permission_flags.ts";

/** Where the output of a child goes. */
export type ChildOutput = "inherit" | "piped" | "null";

/** What {@linkcode spawnChild} needs. */
export interface SpawnOptions {
  program: TargetProgram | MainProgram;
  boot: Boot;
  env: Readonly<Record<string, string>> | undefined;
  cwd: string | URL | undefined;
  stdout: ChildOutput;
  stderr: ChildOutput;
  config: string | URL | undefined;
  executable: string | URL | undefined;
  memoryLimitMb: number | undefined;
  niceness: number | undefined;
}

/** A child that runs a target. */
export interface TargetProgram {
  /** The module of the target, then its companions: absolute URLs. */
  readonly modules: readonly string[];
  /** The module whose configuration file the child gets. */
  readonly configModule: string;
}

/** A child that runs a main module of the user. */
export interface MainProgram {
  readonly mainModule: string;
  readonly args: readonly string[];
  /** A function that runs before it, which must not know: the URL of its module, and its name. */
  readonly prelude: { readonly module: string; readonly name: string };
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
  const { program, boot, memoryLimitMb, niceness } = options;
  const isMain = "mainModule" in program;
  const args = [
    "run",
    "--quiet",
    "--no-prompt",
    ...permissionFlags(boot.granted, `127.0.0.1:${boot.port}`),
    ...configFlags(options),
    ...(memoryLimitMb === undefined ? [] : [`--v8-flags=--max-old-space-size=${memoryLimitMb}`]),
    ...(isMain
      ? [`--preload=${preludeModule(program.prelude)}`, program.mainModule, ...program.args]
      : [targetModule(program.modules)]),
  ];
  if (niceness !== undefined) allowNiceness();
  const { child, guarded } = spawnDeno(options.executable, {
    args,
    stdin: "piped",
    stdout: options.stdout,
    stderr: options.stderr,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...options.env }, clearEnv: true }),
  }, niceness);
  const lifeline = child.stdin.getWriter();
  lifeline.closed.catch(() => {});
  guarded
    .then(() => lifeline.write(new TextEncoder().encode(`${JSON.stringify(boot)}\n`)))
    // A child that is dead already cannot read: its exit tells everything.
    .catch(() => {});
  return { child, lifeline };
}

function configFlags({ program, config, executable }: SpawnOptions): string[] {
  if (config !== undefined) return [`--config=${toPath(config)}`];
  // A main module of the user finds its configuration itself.
  if ("mainModule" in program) return [];
  const found = findConfig(program.configModule, chooseProgram(executable));
  if (found === undefined) return [];
  // The runtime takes no package.json by its path. This is what one that it finds means to it.
  return [found.endsWith("package.json") ? "--node-modules-dir=manual" : `--config=${found}`];
}

function targetModule(modules: readonly string[]): string {
  const child = JSON.stringify(ownModule(import.meta, "./_child.ts"));
  const importers = modules.map((module) => `() => import(${JSON.stringify(module)})`);
  return toDataUrl(
    `import { runChild } from ${child};\nawait runChild([${importers.join(", ")}]);`,
  );
}

function preludeModule({ module, name }: MainProgram["prelude"]): string {
  return toDataUrl(`import { ${name} } from ${JSON.stringify(module)};\nawait ${name}();`);
}

function toDataUrl(code: string): string {
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
  niceness: number | undefined,
): { child: Deno.ChildProcess; guarded: Promise<void> } {
  const program = chooseProgram(executable);
  try {
    return startGuarded(program, () => {
      const child = new Deno.Command(program, options).spawn();
      if (niceness !== undefined) setNiceness(child, niceness);
      return child;
    });
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

function toPath(path: string | URL): string {
  if (path instanceof URL) return fromFileUrl(path);
  return path.startsWith("file:") ? fromFileUrl(new URL(path)) : path;
}
