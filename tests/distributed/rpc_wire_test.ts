import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Inputs } from "../../distributed/_rpc_inputs.ts";
import { RpcSource } from "../../distributed/_rpc_source.ts";
import {
  packValues,
  readDescription,
  readHead,
  unpackValues,
} from "../../distributed/_rpc_wire.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";

/** What comes over the wire of rpc may be anything. */

Deno.test("readDescription() reads nothing but functions, generators and classes of them", () => {
  const right = { add: "function", count: "generator", Counter: { add: "function" }, None: {} };
  assertEquals(readDescription(right), right as ReturnType<typeof readDescription>);
  for (
    const wrong of [
      undefined,
      null,
      5,
      "function",
      [],
      { add: "class" },
      { add: null },
      { add: ["function"] },
      { Counter: { add: "class" } },
      { Counter: { Inner: { add: "function" } } },
    ]
  ) assertEquals(readDescription(wrong), undefined, JSON.stringify(wrong));
});

Deno.test("readHead() refuses a head of a call that is not well formed", () => {
  const none = { timeoutMs: undefined, signal: undefined, streams: [] };
  for (const nothing of [null, undefined, {}]) assertEquals(readHead(nothing, []), none);
  const streams = [[1, 5, "readable"]] as const;
  assertEquals(readHead({ timeoutMs: 0, signal: true, streams }, [1, {}]), {
    timeoutMs: 0,
    signal: true,
    streams,
  });
  for (
    const [wrong, args] of [
      [{ timeoutMs: -1 }, []],
      [{ timeoutMs: NaN }, []],
      [{ timeoutMs: "1" }, []],
      [{ signal: 1 }, [{}]],
      [{ signal: true }, []],
      [{ signal: true }, [[]]],
      [{ streams: 5 }, [1]],
      [{ streams: [5] }, [1]],
      [{ streams: [[1, 1, "iterable"]] }, [1]],
      [{ streams: [[-1, 1, "iterable"]] }, [1]],
      [{ streams: [[0, "1", "iterable"]] }, [1]],
      [{ streams: [[0, 1, "other"]] }, [1]],
    ] as const
  ) assertThrows(() => readHead(wrong, args), TypeError, "not well formed", JSON.stringify(wrong));
});

Deno.test("unpackValues() reads what packValues() has made, and nothing else", () => {
  for (const values of [[], [1, "a", { b: [1n] }], [new Uint8Array([1])]]) {
    for (const isLast of [true, false]) {
      assertEquals(unpackValues(packValues(values, { isLast })), { values, isLast });
    }
  }
  const text = packValues([], { isLast: true });
  const noList = new Uint8Array([...text.subarray(0, 2), ...new TextEncoder().encode("5")]);
  for (const wrong of [undefined, [1], new Uint8Array(), new Uint8Array([1]), noList]) {
    assertThrows(() => unpackValues(wrong), TypeError, "they are not well formed");
  }
});

leakTest("RpcSource refuses a pull that makes no sense", async () => {
  const source = new RpcSource(ReadableStream.from([1]).values(), {});
  for (const credit of [-1, 0.5, "1", undefined]) {
    await assertRejects(() => source.pull(credit), RangeError, "there is no credit of");
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = new RpcSource(async function* () {
    await promise;
    yield 1;
  }());
  const pulled = waiting.pull(1);
  await assertPending(pulled, "pull()");
  await assertRejects(() => waiting.pull(1), RangeError, "a pull waits already");
  resolve();
  assertEquals(unpackValues(await pulled).values, [1]);
  await waiting.end();
  await source.end();
});

leakTest(
  "RpcSource makes no more than about a megabyte ahead, whatever the values are",
  async () => {
    const text = "x".repeat(100_000);
    const values: [value: unknown, most: number][] = [
      [text, 12],
      [{ a: text, b: [text] }, 12],
      [[text, text], 7],
      [new Uint8Array(300_000), 5],
      [[new Uint8Array(300_000)], 5],
      [new ArrayBuffer(300_000), 5],
    ];
    for (const [value, most] of values) {
      let made = 0;
      const source = new RpcSource(function* () {
        for (;; made++) yield value;
      }());
      const first = unpackValues(await source.pull(1_000_000)).values.length;
      // It goes on with what nobody has asked for yet, as far as there is room.
      const second = unpackValues(await source.pull(0)).values.length;
      await source.end();
      for (const count of [first, second]) assertEquals(count <= most, true, `${count}, ${made}`);
    }
  },
);

leakTest("Inputs answers a pull from what has ended with an error", async () => {
  const inputs = new Inputs();
  const id = inputs.add([1, 2]);
  assertEquals(unpackValues(await inputs.pull(id, 5)).values, [1, 2]);
  await inputs.end([id, 99]);
  for (const unknown of [id, 99, "x"]) {
    await assertRejects(() => inputs.pull(unknown, 1), ReferenceError, "its call has ended");
  }
});
