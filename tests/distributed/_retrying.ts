import { assertRejects } from "@std/assert";
import {
  BaseManager,
  type BaseManagerOptions,
  type RetryOptions,
  type Server,
} from "../../distributed/mod.ts";
import { type Address, ConnectionLostError } from "../../ipc/mod.ts";
import { freePort } from "../support/free_port.ts";
import { Gate } from "../support/gate.ts";

export const RETRY: RetryOptions = { minTimeoutMs: 1, maxTimeoutMs: 10 };

/** What one life of a manager knows. */
export interface Life {
  readonly made: unknown[][];
  readonly called: unknown[];
  readonly gate: Gate;
  readonly entered: Gate;
}

export function newLife(): Life {
  return { made: [], called: [], gate: new Gate(), entered: new Gate() };
}

/** Serves objects that tell which life they are of. */
export function serve(address: Address, life: Life, options: BaseManagerOptions = {}): Server {
  const Manager = BaseManager.register("object", {
    callable: (...args: unknown[]) => {
      life.made.push(args);
      return {
        call: (value: unknown) => {
          life.called.push(value);
          return value;
        },
        wait: async (value: unknown) => {
          life.called.push(value);
          life.entered.open();
          await life.gate.wait();
          return value;
        },
        hang: () => new Promise<void>(() => {}),
      };
    },
  });
  return new Manager({ address, authkey: "key", ...options }).getServer();
}

interface Remote {
  call(value: unknown): unknown;
  wait(value: unknown): Promise<unknown>;
  hang(): Promise<void>;
}
declare const remoteType: new () => Remote;
const Client = BaseManager.register("object", {
  proxyType: undefined as unknown as typeof remoteType,
});

/** A client that tries again, unless the options say otherwise. */
export function clientOf(
  address: Address,
  options: BaseManagerOptions = {},
): InstanceType<typeof Client> {
  return new Client({ address, authkey: "key", retry: RETRY, ...options });
}

/** A port that nobody listens on. */
export function somewhere(): Address {
  return { hostname: "127.0.0.1", port: freePort() };
}

/** Shuts a server down, and waits until the client knows, of which a call is in flight. */
export async function stopServer(server: Server, hanging: Promise<unknown>): Promise<void> {
  const lost = assertRejects(() => hanging, ConnectionLostError);
  await server.shutdown();
  await lost;
}
