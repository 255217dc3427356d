import type { Address, Queue } from "../ipc/mod.ts";
import { companions } from "../process/_child.ts";
import { findFunctions, type RegistrationForm } from "./_registries.ts";
import type { ManagedFunction } from "./managed.ts";
import { Server, type ServerLimits } from "./server.ts";

/** What a manager's own process is told. */
export interface ServerSpec extends ServerLimits {
  address: Address;
  key: Uint8Array<ArrayBuffer>;
  module: string | undefined;
  registrations: readonly RegistrationForm[];
  /** The name of a function that is called first. */
  initializer?: string | undefined;
  initArgs: readonly unknown[];
}

/**
 * Serves a manager in a process of its own: the target of the process that `BaseManager.start()` starts.
 * The module of the registered functions is its companion.
 *
 * @param spec What to serve.
 * @param report Where to tell the address.
 */
export async function serveManager(spec: ServerSpec, report: Queue<Address>): Promise<void> {
  // Ctrl-C reaches every process of the terminal; the manager ends when its owner does (as in Python).
  Deno.addSignalListener("SIGINT", () => {});
  const { registrations, initializer, initArgs, ...rest } = spec;
  if (initializer !== undefined) await findFunction(initializer)(...initArgs);
  const server = new Server({ ...rest, registry: findFunctions(registrations, findFunction) });
  await report.put(server.address);
  await server.serveForever();
}

function findFunction(name: string): ManagedFunction {
  const module = companions[0] ?? {};
  const found = module[name];
  if (typeof found === "function") return found as ManagedFunction;
  const functions = Object.keys(module).filter((key) => typeof module[key] === "function");
  throw new TypeError(
    `Cannot serve "${name}": the module does not export a function of that name. It exports ${
      functions.join(", ") || "no function"
    }`,
  );
}
