// deno run --allow-run=uname examples/subprocess_call.ts

// Runs a program that every Unix has. What it prints goes to where this program prints, and the answer is
// its exit code.

import { call } from "@manyhands/concurrency/process";

if (import.meta.main) {
  console.log("$ uname -s");
  const code = await call(["uname", "-s"]);
  console.log(`Exit code: ${code}`);
}
