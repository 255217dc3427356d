import { acquireHub, type ChildSession, familyKey, LOOPBACK, releaseHub } from "../ipc/_family.ts";
import { referencesIn } from "../ipc/_encoding.ts";
import type { Place } from "../ipc/_reference.ts";
import type { WireForm } from "../ipc/_portable.ts";
import { ownModule } from "../ipc/_run_by_name.ts";
import { formatAddress } from "../ipc/address.ts";
import type { Boot } from "./_boot.ts";
import { exitCodeOf, statusAsAsked } from "./_exit_code.ts";
import { keepAlive } from "./_keep_alive.ts";
import { resolvePermissions, withNet } from "./_permission_flags.ts";
import { releaseGuarded } from "./_reaper.ts";
import {
  type MainProgram,
  spawnChild,
  type Spawned,
  type SpawnOptions,
  type TargetProgram,
} from "./_spawn.ts";
import { state } from "./_state.ts";
import type { Permissions } from "./permissions.ts";

/** What {@linkcode FamilyChild} needs. */
export interface FamilyChildOptions {
  readonly spawn: Omit<SpawnOptions, "boot">;
  readonly boot: Omit<Boot, "port" | "key" | "ticket" | "granted" | "parent">;
  readonly permissions: Permissions;
  /** What the child is given to use: queues and the like in it may be reached. */
  readonly given: unknown;
  /** Whether this process may end although the child runs. */
  readonly isBackground: boolean;
  /** Called when it has ended; the answer is the error of those who wait for it to connect. */
  readonly onEnd: (status: Deno.CommandStatus) => Error;
}

/** A child process that this one has started, which connects to it over the channel of the family. */
export class FamilyChild {
  readonly #spawned: Spawned;
  readonly #exited = Promise.withResolvers<void>();
  readonly #death = Promise.withResolvers<Error>();
  #status: Deno.CommandStatus | undefined;
  /** The signal that it was sent last. */
  #asked: Deno.Signal | undefined;
  /** Fulfilled when the child has connected. */
  readonly arrived: Promise<ChildSession>;

  /**
   * Spawns the child.
   *
   * @throws {TypeError} When the permissions are none.
   * @throws {Deno.errors.NotCapable} When this process may not start it.
   */
  constructor(options: FamilyChildOptions) {
    const { isBackground } = options;
    const hub = acquireHub();
    const expected = hub.expect();
    try {
      const references = referencesIn(options.given);
      const here = formatAddress({ hostname: LOOPBACK, port: hub.port });
      const reachable = placesOf(references).filter((place) => place !== here)
        .reduce<Permissions>(withNet, options.permissions);
      this.#spawned = spawnChild({
        ...options.spawn,
        program: references.length === 0 ? options.spawn.program : withIpc(options.spawn.program),
        boot: {
          ...options.boot,
          port: hub.port,
          key: familyKey().toHex(),
          ticket: expected.ticket,
          granted: resolvePermissions(reachable),
          parent: { name: state.name, pid: Deno.pid },
        },
      });
    } catch (error) {
      expected.arrived.catch(() => {});
      expected.forget(error);
      // Nothing awaits the end of the hub: the error says what went wrong.
      void releaseHub(hub);
      throw error;
    }
    this.arrived = expected.arrived;
    const { child, lifeline } = this.#spawned;
    if (isBackground) child.unref();
    child.status.then(async (told) => {
      const status = statusAsAsked(told, this.#asked);
      this.#status = status;
      const death = options.onEnd(status);
      expected.forget(death);
      const released = Promise.all([
        lifeline.close().catch(() => {}).then(() => releaseHub(hub)),
        releaseGuarded(child),
      ]);
      await (isBackground ? released : keepAlive(released));
      this.#exited.resolve();
      this.#death.resolve(death);
    });
  }

  /** Its process id. */
  get pid(): number {
    return this.#spawned.child.pid;
  }

  /** Its end, when that has come. */
  get status(): Deno.CommandStatus | undefined {
    return this.#status;
  }

  /** The exit code as Python has it, when it has ended. */
  get exitCode(): number | undefined {
    return this.#status === undefined ? undefined : exitCodeOf(this.#status);
  }

  /** Resolves when it has ended, and nothing is left of it. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /** How it ended, as an error, when nothing is left of it. */
  get death(): Promise<Error> {
    return this.#death.promise;
  }

  /** What it prints, when that is piped. */
  output(name: "stdout" | "stderr"): ReadableStream<Uint8Array> {
    return this.#spawned.child[name];
  }

  /** Sends a signal, unless it has ended. */
  signal(signal: Deno.Signal): void {
    if (this.#status !== undefined) return;
    try {
      this.#spawned.child.kill(signal);
      this.#asked = signal;
    } catch (error) {
      // It has ended, and its status is on its way.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
    // Where `deno` is a script that runs the real program, only the script gets the signal; the program
    // sees its standard input end.
    if (signal === "SIGKILL") this.#spawned.lifeline.close().catch(() => {});
  }
}

/**
 * What is passed as a reference is known in the child also when the module of its target needs only the type.
 * A child that gets none is spared what the module costs.
 */
function withIpc(program: TargetProgram | MainProgram): TargetProgram | MainProgram {
  if ("mainModule" in program) return program;
  return { ...program, modules: [...program.modules, ownModule(import.meta, "../ipc/mod.ts")] };
}

/** Where the objects live that are passed as references, as a permission names it. */
function placesOf(references: readonly WireForm[]): string[] {
  const places = references.map(({ data }) => {
    const { hostname = LOOPBACK, port } = data as Partial<Place>;
    return port === undefined ? undefined : formatAddress({ hostname, port });
  });
  return [...new Set(places.filter((place) => place !== undefined))];
}
