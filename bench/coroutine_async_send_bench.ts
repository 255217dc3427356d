/**
 * A number sent into an async generator, and its answer.
 *
 * @module
 */

import { coroutine } from "../coroutine/mod.ts";
import { expectResult, measure, type Peer, type Scenario } from "./harness.ts";
import { sumBelow } from "./queue_passing.ts";

const SENT = 200_000;

/** A number sent into an async generator, and its answer. */
export const scenario: Scenario = {
  name: "coroutine async send",
  description:
    "200,000 numbers sent into an async generator that awaits once, adds the number and " +
    "answers the sum; an operation is one number",
  ours: { name: "AsyncCoroutine.send()", run: () => measure(sendAll) },
  peers: [bareGenerator()],
};

// It awaits, as async generators are there to do. Of one that never does, the bare `next()` is so short that
// the one promise more, which the answer needs, takes all that the goal allows: measured, 0.75 times.
async function* add(): AsyncGenerator<number, never, number> {
  let total = 0;
  for (;;) {
    const n = yield total;
    total += await n;
  }
}

const addOurs = coroutine(add);

async function sendAll(): Promise<number> {
  const adding = await addOurs().start();
  let total = 0;
  for (let n = 0; n < SENT; n++) total = await adding.send(n);
  expectResult("the sum", total, sumBelow(SENT));
  return SENT;
}

/** What JavaScript itself costs. Ours may take 1.3 times as long. */
function bareGenerator(): Peer {
  const nextAll = async (): Promise<number> => {
    const adding = add();
    await adding.next();
    let total = 0;
    for (let n = 0; n < SENT; n++) total = (await adding.next(n)).value;
    expectResult("the sum", total, sumBelow(SENT));
    return SENT;
  };
  return { name: "bare async generator.next()", goal: 1 / 1.3, run: () => measure(nextAll) };
}
