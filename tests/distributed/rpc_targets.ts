import { RpcClient } from "../../distributed/mod.ts";
import type { Address } from "../../ipc/mod.ts";
import { KEY } from "./_rpc.ts";

/** What the server of the test serves. */
interface Api {
  Thing: new () => { stay(): Promise<void> };
  count(): AsyncGenerator<number>;
}

/** Makes an object, takes from a stream, and waits for a method that does not end. */
export async function holdThing(address: Address): Promise<void> {
  await using client = await RpcClient.connect<Api>({ address, authkey: KEY });
  const iterator = client.api.count()[Symbol.asyncIterator]();
  await iterator.next();
  const thing = await client.api.Thing.create();
  await thing.stay();
}
