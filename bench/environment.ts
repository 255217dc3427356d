/**
 * Where a run took place: machine, versions and commit, for the JSON report.
 *
 * @module
 */

import { cpus } from "node:os";

/** The machine, the versions and the commit of a run. */
export interface Environment {
  /** The machine. */
  readonly machine: Machine;
  /** Versions by name: `deno`, `v8`, `typescript`, and what the contestants named. */
  readonly versions: Readonly<Record<string, string>>;
  /** The commit of this project. */
  readonly git: GitState;
}

/** The machine of a run. */
export interface Machine {
  /** The processor's name. */
  readonly cpu: string;
  /** How many logical processors there are. */
  readonly cores: number;
  /** Operating system, its release, and the architecture. */
  readonly os: string;
  /** The memory, in bytes. */
  readonly memoryBytes: number;
}

/** The commit of a run. */
export interface GitState {
  /** The full hash, or `null` outside a repository and before its first commit. */
  readonly commit: string | null;
  /** Whether files differ from that commit, or `null` outside a repository. */
  readonly dirty: boolean | null;
}

/**
 * Describes where this program runs.
 *
 * @param contestantVersions The versions that the contestants named.
 * @returns Machine, versions and commit.
 */
export async function describeEnvironment(
  contestantVersions: Readonly<Record<string, string>>,
): Promise<Environment> {
  return {
    machine: describeMachine(),
    versions: { ...Deno.version, ...contestantVersions },
    git: await describeGit(),
  };
}

function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: navigator.hardwareConcurrency,
    os: `${Deno.build.os} ${Deno.osRelease()} ${Deno.build.arch}`,
    memoryBytes: Deno.systemMemoryInfo().total,
  };
}

async function describeGit(): Promise<GitState> {
  const commit = await git(["rev-parse", "--verify", "HEAD"]);
  const changes = await git(["status", "--porcelain"]);
  return {
    commit: commit === undefined ? null : commit.trim(),
    dirty: changes === undefined ? null : changes !== "",
  };
}

/** What a git command that only reads prints, or `undefined` when it fails or there is no git. */
async function git(args: readonly string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command("git", {
      // Without this option `git status` takes a lock to refresh the index.
      args: ["--no-optional-locks", ...args],
      cwd: new URL(".", import.meta.url),
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
