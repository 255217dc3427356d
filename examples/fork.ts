// deno run --allow-run=deno --allow-net=127.0.0.1 examples/fork.ts

// One program, two processes: each prints who it is. What stands above the call runs in both.

import { fork, waitPid } from "@manyhands/concurrency/process";

const pid = await fork();
if (pid === 0) {
  console.log(`I am child process (${Deno.pid}) and my parent is ${Deno.ppid}.`);
} else {
  console.log(`I (${Deno.pid}) just created a child process (${pid}).`);
  await waitPid(pid);
}
