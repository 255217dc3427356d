import { type Mutant, mutantsOf } from "../mutant.ts";

/** Changes of the room `process`. */
export const processMutants: readonly Mutant[] = [
  ...mutantsOf("process/process.ts", [
    "process/process",
    "process/process_start",
    "process/process_end",
    "process/guard",
  ], [
    [
      "a process that ignores SIGTERM is waited for for ever",
      "      if (!await hasEnded) this.kill();",
      "      await hasEnded;",
    ],
    ["a process that has ended is still among the children", "        alive.delete(self);\n", ""],
    [
      "a process that was given up at its start lives on",
      "        this.kill();\n        await keepAlive(this.sentinel);",
      "",
    ],
    [
      "a daemon may have children",
      "    if (state.daemon) {",
      "    if (state.daemon === undefined) {",
    ],
    [
      "a process can be started twice",
      "this.#child !== undefined || this.#isSelf()",
      "this.#isSelf()",
    ],
    [
      "a module that starts processes when it is imported does so for ever",
      "    if (state.importing) {",
      "    if (state.importing === undefined) {",
    ],
    [
      "the result of a process that died is never told",
      "        async (error) => this.#result.reject(await this.#explain(error, session)),",
      "        async (error) => void await this.#explain(error, session),",
    ],
  ]),
  ...mutantsOf("process/_child.ts", ["process/process", "faults/orphans"], [
    ["a child outlives its parent", '  Deno.kill(Deno.pid, "SIGKILL");\n', ""],
    [
      "a child ends with 0 whatever Deno.exitCode says",
      "  Deno.exit(code === 0 ? Deno.exitCode : code);",
      "  Deno.exit(code);",
    ],
    [
      "an error in a child is not printed",
      "        reportUncaught(error);\n        ended.resolve(1);\n        throw",
      "        ended.resolve(1);\n        throw",
    ],
  ]),
  ...mutantsOf("process/_reaper.ts", ["faults/orphans", "process/process"], [
    ["children of one who was killed live on", '    Deno.kill(pid, "SIGKILL");\n', ""],
    [
      "a reaper that was killed knows of nobody",
      "    void tellAll(reaper);\n  } catch {",
      "  } catch {",
    ],
    ["a reaper is never sent home", "  if (pids.size === 0) endReaper();\n  else if", "  if"],
  ]),
  ...mutantsOf("process/_pool_runner.ts", [
    "process/pool_worker",
    "faults/pool_kill",
    "process/pool",
  ], [
    [
      "calls of a worker that was killed count as never started",
      'this.#isKilled ? "starts known" : "starts unknown"',
      '"starts known"',
    ],
    [
      "a worker that ignores SIGTERM is not killed",
      "      () => this.#process.kill(),\n      Math.min",
      "      () => {},\n      Math.min",
    ],
    [
      "a worker that was killed at its start ends the pool",
      "if (!wasKilled || port.signal.aborted || --left === 0) throw error;",
      "throw error;",
    ],
    [
      "an item that cannot be sent fails those beside it",
      "      // One of them cannot be carried: each is sent by itself.\n    }",
      '      return failAll(job, new TypeError("one of them"));\n    }',
    ],
  ]),
  ...mutantsOf("process/_process_death.ts", ["process/process_end", "process/process"], [
    [
      "nobody is told that a process ran out of memory",
      "const why = isFatal ?",
      "const why = !isFatal && signal === null && exitCode === -1 ?",
    ],
  ]),
  ...mutantsOf("process/fork.ts", ["process/fork"], [
    [
      "what a forked child has not taken is not taken back",
      "      passing.recall();\n      return processDeath({",
      "      return processDeath({",
    ],
  ]),
];
