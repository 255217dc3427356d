/**
 * A number sent into a plain generator, and its answer.
 *
 * @module
 */

import { coroutine } from "../coroutine/mod.ts";
import { expectResult, measure, type Peer, type Scenario } from "./harness.ts";
import { sumBelow } from "./queue_passing.ts";

const SENT = 1_000_000;

/** A number sent into a plain generator, and its answer. */
export const scenario: Scenario = {
  name: "coroutine send",
  description: "1,000,000 numbers sent into a generator that adds them up and answers the sum; " +
    "an operation is one number",
  ours: { name: "Coroutine.send()", run: () => measure(sendAll) },
  peers: [bareGenerator()],
};

function* add(): Generator<number, never, number> {
  let total = 0;
  for (;;) {
    const n = yield total;
    total += n;
  }
}

const addOurs = coroutine(add);

function sendAll(): number {
  const adding = addOurs().start();
  let total = 0;
  for (let n = 0; n < SENT; n++) total = adding.send(n);
  expectResult("the sum", total, sumBelow(SENT));
  return SENT;
}

/** What JavaScript itself costs. Ours may take 1.5 times as long. */
function bareGenerator(): Peer {
  const nextAll = (): number => {
    const adding = add();
    adding.next();
    let total = 0;
    for (let n = 0; n < SENT; n++) total = adding.next(n).value;
    expectResult("the sum", total, sumBelow(SENT));
    return SENT;
  };
  return { name: "bare generator.next()", goal: 1 / 1.5, run: () => measure(nextAll) };
}
