// deno run examples/coroutine.ts

// A producer and a consumer in one thread, without a lock and without a queue: the consumer stands at its
// `yield` until the producer sends it a number, and answers each number before the producer goes on.

import { type Coroutine, coroutine } from "@manyhands/concurrency/coroutine";

const consumer = coroutine(function* () {
  let answer = "";
  try {
    for (;;) {
      const n: number = yield answer;
      console.log(`Consuming ${n}`);
      answer = "200 OK";
    }
  } finally {
    console.log("The consumer is closed");
  }
});

export function produce(consumer: Coroutine<string, number, void>): void {
  consumer.start();
  for (let n = 1; n <= 5; n++) {
    console.log(`Producing ${n}`);
    const answer = consumer.send(n);
    console.log(`Consumer return: ${answer}`);
  }
  consumer.close();
}

if (import.meta.main) {
  produce(consumer());
}
