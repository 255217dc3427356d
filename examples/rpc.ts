// deno run --allow-run=deno --allow-net=127.0.0.1 examples/rpc.ts

// Remote procedure calls: this process serves functions and a class, another one calls them, with their
// types. In real life the two are on different machines, and the client imports the api as a type only.

import { CancelledError, sleep, TimeoutError } from "@manyhands/concurrency/coroutine";
import { RpcClient, RpcServer, rpcTimeLeftMs } from "@manyhands/concurrency/distributed";
import type { Address } from "@manyhands/concurrency/ipc";
import { Process } from "@manyhands/concurrency/process";

const AUTHKEY = "abc";

// Objects of a class stay with the server.
class Account {
  readonly #owner: string;
  #balance = 0;

  constructor(owner: string) {
    this.#owner = owner;
  }

  deposit(amount: number): number {
    if (amount <= 0) throw new RangeError(`Cannot deposit ${amount}: it must be more than 0`);
    return this.#balance += amount;
  }

  // Called when the client disposes of the account, or is gone.
  [Symbol.dispose](): void {
    console.log(`Server: the account of ${this.#owner} is closed with ${this.#balance}`);
  }
}

const api = {
  Account,

  add(a: number, b: number): number {
    return a + b;
  },

  // Arrives as a stream, one number at a time.
  *primes(): Generator<number> {
    for (let n = 2;; n++) {
      let divisor = 2;
      while (divisor * divisor <= n && n % divisor !== 0) divisor++;
      if (divisor * divisor > n) yield n;
    }
  },

  // Pulls from a generator of the client.
  async average(numbers: AsyncIterable<number>): Promise<number> {
    let [sum, count] = [0, 0];
    for await (const n of numbers) {
      sum += n;
      count++;
    }
    return sum / count;
  },

  // Is cancelled when its caller does not wait any longer.
  async thinkHard(): Promise<string> {
    const isLimited = rpcTimeLeftMs() < Infinity;
    try {
      return await sleep(60_000, { result: "42" });
    } catch (error) {
      if (error instanceof CancelledError && isLimited) console.log("Server: I was told to stop");
      throw error;
    }
  },
};

export async function callAll(address: Address): Promise<void> {
  await using client = await RpcClient.connect<typeof api>({ address, authkey: AUTHKEY });
  const remote = client.api;

  console.log(`Client: 2 + 3 = ${await remote.add(2, 3)}`);

  const primes: number[] = [];
  for await (const prime of remote.primes()) {
    primes.push(prime);
    if (primes.length === 10) break; // ends the generator on the server
  }
  console.log(`Client: the first primes are ${primes.join(" ")}`);

  function* grades(): Generator<number> {
    yield* [1, 2, 3, 2];
  }
  console.log(`Client: the average is ${await remote.average(grades())}`);

  {
    await using account = await remote.Account.create("Ada");
    await account.deposit(100);
    console.log(`Client: Ada has ${await account.deposit(20)}`);
    try {
      await account.deposit(-5);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      console.log(`Client: ${error.name}: ${error.message}`);
    }
  }

  try {
    await RpcClient.within(remote, { timeoutMs: 50 }).thinkHard();
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    console.log("Client: that took too long");
  }
}

if (import.meta.main) {
  await using server = new RpcServer(api, { address: "127.0.0.1:0", authkey: AUTHKEY });
  await using client = new Process({
    module: import.meta.url,
    target: callAll,
    args: [server.address],
    permissions: { net: ["127.0.0.1"] },
  });
  await client.start();
  await client.join();
  console.log(`Server: the client has ended with exit code ${client.exitCode}`);
}
