import { assertEquals } from "@std/assert";
import {
  type NatsApi,
  NatsApiError,
  type StoredForm,
} from "../../distributed/engines/_nats_api.ts";
import { QueueNames } from "../../distributed/engines/_nats_queue_names.ts";
import { openQueue } from "../../distributed/engines/_nats_queue_streams.ts";
import { FakeTime } from "../support/fake_time.ts";

const NO_CONSUMER = { code: 404, err_code: 10014 };

/** An engine in which a queue is being made. */
class Engine {
  /** What was made, in order. */
  readonly made: string[] = [];
  readonly api: NatsApi;
  /** How the settings were stored. */
  readonly #stored: StoredForm;
  /** How often it is looked until another one has made everything. */
  #looksLeft: number;

  constructor(stored: StoredForm, looks: number, pause: () => Promise<void>) {
    this.#stored = stored;
    this.#looksLeft = looks;
    this.api = {
      // deno-lint-ignore require-await
      call: async (_: string, subject: string) => this.#call(subject),
      find: () => Promise.resolve(undefined),
      store: () => Promise.resolve(this.#stored),
      pause,
    } as unknown as NatsApi;
  }

  #call(subject: string): unknown {
    if (subject.startsWith("STREAM.INFO")) return { state: { messages: 0 } };
    if (subject.startsWith("CONSUMER.INFO")) {
      if (this.#looksLeft-- > 0) throw new NatsApiError(NO_CONSUMER);
      return {};
    }
    this.made.push(subject.split(".").at(-1)!);
    return {};
  }
}

const NAMES = new QueueNames("q");
const OTHERS = ["MH_q_results", "MH_q_dead", "MH_q_tasks", "t0", "z"];

Deno.test("openQueue() has the first of several make the streams, and the others wait for him", async () => {
  using time = new FakeTime();
  const pause = () => time.tick(20);
  const first = new Engine({ seq: 1 }, Infinity, pause);
  await openQueue(first.api, NAMES, {}, { create: true });
  assertEquals(first.made, ["MH_q_state", ...OTHERS]);
  const second = new Engine({ seq: 1, duplicate: true }, 3, pause);
  await openQueue(second.api, NAMES, {}, { create: true });
  assertEquals(second.made, ["MH_q_state"]);
});

Deno.test("openQueue() makes what the one who began it has not made after five seconds", async () => {
  using time = new FakeTime();
  let pauses = 0;
  const pause = () => {
    pauses++;
    return time.tick(20);
  };
  const engine = new Engine({ seq: 1, duplicate: true }, Infinity, pause);
  await openQueue(engine.api, NAMES, {}, { create: true });
  assertEquals([engine.made, pauses], [["MH_q_state", ...OTHERS], 250]);
});
