import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import { PythonReferences, type ReferenceStep } from "../../distributed/_python_references.ts";
import { settle } from "../support/settle.ts";

/** Steps that begin one after the other, and what is seen of them. */
class Steps {
  readonly began: string[] = [];
  readonly #references: PythonReferences;
  readonly #ends = new Map<string, () => void>();

  constructor(references: PythonReferences) {
    this.#references = references;
  }

  async begin(name: string, step: ReferenceStep): Promise<void> {
    await this.#references.during(step, () => {
      this.began.push(name);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#ends.set(name, resolve);
      return promise;
    });
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)!();
    await settle();
  }
}

Deno.test("PythonReferences.during() never takes and gives at the same time", async () => {
  const references = PythonReferences.of("a server");
  const other = PythonReferences.of("a server");
  const steps = new Steps(references);
  const others = new Steps(other);
  const running = [steps.begin("take 1", "take"), steps.begin("take 2", "take")];
  running.push(others.begin("give 1", "give"), steps.begin("give 2", "give"));
  // Who comes after those who wait waits as well.
  running.push(others.begin("take 3", "take"));
  await settle();
  assertEquals([steps.began, others.began], [["take 1", "take 2"], []]);
  await steps.end("take 1");
  assertEquals(others.began, []);
  await steps.end("take 2");
  assertEquals([steps.began.slice(2), others.began], [["give 2"], ["give 1"]]);
  await steps.end("give 2");
  assertEquals(others.began, ["give 1"]);
  await others.end("give 1");
  assertEquals(others.began, ["give 1", "take 3"]);
  await others.end("take 3");
  await Promise.all(running);
  references.leave();
  other.leave();
});

Deno.test("PythonReferences.during() goes on after a step that failed", async () => {
  const references = PythonReferences.of("a server");
  const failing = references.during("take", () => Promise.reject(new Error("refused")));
  const next = references.during("give", () => Promise.resolve("given"));
  await assertRejects(() => failing, Error, "refused");
  assertEquals(await next, "given");
  assertEquals(await references.during("take", () => Promise.resolve("taken")), "taken");
  references.leave();
});

Deno.test("PythonReferences.during() gives back while a call that lends its result takes long", async () => {
  const references = PythonReferences.of("a server");
  const steps = new Steps(references);
  const long = steps.begin("long", "take");
  const begin = performance.now();
  await references.during("give", () => Promise.resolve());
  assertGreater(performance.now() - begin, 900);
  await references.during("take", () => Promise.resolve());
  await steps.end("long");
  await long;
  assertEquals(await references.during("give", () => Promise.resolve("given")), "given");
  references.leave();
});
