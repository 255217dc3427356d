/**
 * The values of a generator in another process.
 *
 * @module
 */

import { type Rpc, RpcClient } from "../distributed/mod.ts";
import { type Address, Queue } from "../ipc/mod.ts";
import { Process } from "../process/mod.ts";
import { type Contestant, expectResult, measure, type Scenario } from "./harness.ts";
import type { numbersApi } from "./subjects/rpc_numbers.ts";

const VALUES = 5_000;
const LANES = 64;
const SUBJECT = import.meta.resolve("./subjects/rpc_numbers.ts");
const AUTHKEY = "bench";

type Api = Rpc<typeof numbersApi>;

/** A client of a server in a child process, which passes once over the numbers. */
function numbersContestant(name: string, pass: (api: Api) => Promise<number>): Contestant {
  let stack = new AsyncDisposableStack();
  let api: Api | undefined;
  return {
    name,
    async setup(): Promise<void> {
      const told = stack.use(new Queue<Address>());
      const server = stack.use(
        new Process({
          module: SUBJECT,
          target: "serveNumbers",
          args: [AUTHKEY, told],
          permissions: "inherit",
        }),
      );
      await server.start();
      stack.defer(() => server.terminate());
      const address = await told.get();
      const client = await RpcClient.connect<typeof numbersApi>({ address, authkey: AUTHKEY });
      api = stack.use(client).api;
    },
    run() {
      const target = api;
      if (target === undefined) throw new Error("Cannot call: the client was not set up");
      return measure(async () => {
        expectResult("the sum", await pass(target), VALUES * (VALUES + 1) / 2);
        return VALUES;
      });
    },
    async teardown(): Promise<void> {
      api = undefined;
      await stack.disposeAsync();
      stack = new AsyncDisposableStack();
    },
  };
}

/** The values of a generator in another process. */
export const scenario: Scenario = {
  name: "rpc stream",
  description:
    "5,000 numbers from a process over loopback TCP: ours as a stream of a generator, the " +
    "peers with a call for each; an operation is a number",
  ours: numbersContestant("distributed.RpcStream", async (api) => {
    let sum = 0;
    for await (const n of api.count(VALUES)) sum += n;
    return sum;
  }),
  peers: [
    {
      ...numbersContestant("one call each", async (api) => {
        let sum = 0;
        for (let n = 0; n < VALUES; n++) sum += await api.next(n);
        return sum;
      }),
      goal: 5,
    },
    {
      ...numbersContestant("64 calls in flight", async (api) => {
        let [sum, next] = [0, 0];
        const lane = async (): Promise<void> => {
          while (next < VALUES) {
            const n = await api.next(next++);
            sum += n;
          }
        };
        await Promise.all(Array.from({ length: LANES }, lane));
        return sum;
      }),
      goal: 1.5,
    },
  ],
};
