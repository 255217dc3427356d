// deno run --allow-run=deno --allow-net=127.0.0.1 examples/process_info.ts

// Who is who: the parent and its child print what they know of themselves, and the child greets somebody.

import { currentProcess, parentProcess, Process } from "@manyhands/concurrency/process";

const WIDTH = 24;

/** A coloured title where the terminal has colours; `%c` is plain text elsewhere, and with NO_COLOR. */
function printInfo(title: string): void {
  console.log(`%c${title}`, "color: red; font-weight: bold");
  const rows = [
    ["module name", new URL(import.meta.url).pathname.split("/").at(-1)],
    ["process name", currentProcess().name],
    ["parent process id", parentProcess()?.pid ?? Deno.ppid],
    ["process id", Deno.pid],
  ];
  for (const [label, value] of rows) console.log(`${label}:`.padEnd(WIDTH), value);
}

export function greet(name: string): void {
  printInfo("function greet");
  console.log(`hello, ${name}`);
}

if (import.meta.main) {
  printInfo("main line");
  await using child = new Process({ module: import.meta.url, target: greet, args: ["Bob"] });
  await child.start();
  await child.join();
}
