// deno run --allow-run=sort examples/subprocess_communicate.ts

// Gives a program its input, and takes its output and its errors, all at the same time.

import { Popen } from "@manyhands/concurrency/process";

const FRUITS = ["pear", "apple", "quince", "apple", ""].join("\n");

if (import.meta.main) {
  console.log("$ sort -u");
  await using popen = new Popen(["sort", "-u"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    text: true,
  });
  const [output, errors] = await popen.communicate({ input: FRUITS });
  console.log(output.trimEnd());
  if (errors !== "") console.error(errors);
  console.log(`Exit code: ${popen.returnCode}`);
}
