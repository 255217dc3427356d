// deno run --allow-read=. examples/thread_local.ts

// One name for the current student, and another student in every thread.

import { currentThread, local, Thread } from "@manyhands/concurrency/thread";

const school: { student: string } = local(() => ({ student: "nobody" }));

function processStudent(): string {
  return `Hello, ${school.student} (in ${currentThread().name})`;
}

export function processThread(name: string): string {
  school.student = name;
  return processStudent();
}

if (import.meta.main) {
  const make = (student: string, name: string) =>
    new Thread({ module: import.meta.url, target: processThread, args: [student], name });
  await using first = make("Alice", "Thread-A");
  await using second = make("Bob", "Thread-B");
  await Promise.all([first.start(), second.start()]);
  console.log(await first.result());
  console.log(await second.result());
  console.log(processStudent());
}
