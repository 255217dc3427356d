// deno run --allow-run=deno --allow-net=127.0.0.1 examples/pipe.ts

// A pipe between a process and its child: the child answers until the parent closes its end.

import { type Connection, pipe } from "@manyhands/concurrency/ipc";
import { Process } from "@manyhands/concurrency/process";

const NAMES = ["Ada", "Grace", "Barbara"];

export async function greet(connection: Connection<string>): Promise<void> {
  console.log("Child: ready");
  for await (const name of connection) await connection.send(`hello, ${name}`);
  console.log("Child: the other end was closed");
}

if (import.meta.main) {
  const [here, there] = pipe<string>();
  await using child = new Process({ module: import.meta.url, target: greet, args: [there] });
  await child.start();
  for (const name of NAMES) {
    await here.send(name);
    console.log(`Parent: ${await here.recv()}`);
  }
  await here.close();
  await child.join();
  console.log(`Parent: the child has ended with exit code ${child.exitCode}`);
}
