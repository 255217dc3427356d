import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { PickleReader } from "../../distributed/_pickle_reader.ts";
import { pythonRepr } from "../../distributed/_pickle_repr.ts";
import { PickleWriter } from "../../distributed/_pickle_writer.ts";
import { UnpicklingError } from "../../distributed/python_errors.ts";
import { PyByteArray, PyFloat, PyFrozenSet, PyTuple } from "../../distributed/python_types.ts";
import { pythonAvailable, runPython } from "../support/python.ts";
import { VECTORS } from "./pickle_vectors.ts";

/** Random numbers that are the same in each run: from 0, below 1. */
function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Random values

const TEXTS = ["", "a", "key", "é", "中文", "😀", "\ud83d", "'", '"', "\\", "\n", "x".repeat(300)];

class Values {
  readonly #random: () => number;
  #serial = 0;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)]!;
  }

  #many<T>(make: () => T): T[] {
    return Array.from({ length: this.#below(5) }, make);
  }

  #number(): number | bigint | PyFloat {
    switch (this.#below(7)) {
      case 0:
        return this.#below(300);
      case 1:
        return this.#below(2 ** 32) - 2 ** 31;
      case 2:
        return (this.#random() < 0.5 ? -1 : 1) * this.#below(Number.MAX_SAFE_INTEGER);
      case 3:
        return (this.#random() - 0.5) * 10 ** (this.#below(600) - 300);
      case 4:
        return new PyFloat(this.#below(1000));
      case 5:
        return this.#pick([NaN, Infinity, -Infinity, -0, 5e-324, 1.7976931348623157e308]);
      default: {
        const bits = BigInt(53 + this.#below(300));
        const value = 2n ** bits + BigInt(this.#below(2 ** 50));
        return this.#random() < 0.5 ? value : -value;
      }
    }
  }

  /**
   * What Python takes as a key. A float would be the same key as its int, and tuples and bytes that are
   * equal are one key there and two here: each begins with another number.
   */
  hashable(depth: number): unknown {
    switch (this.#below(depth > 2 ? 4 : 6)) {
      case 0:
        return this.#below(1000);
      case 1:
        return null;
      case 2:
        return this.#pick(TEXTS);
      case 3:
        return 2n ** 60n + BigInt(this.#below(1000));
      case 4:
        return new PyTuple(this.#serial++, ...this.#many(() => this.hashable(depth + 1)));
      default:
        return new Uint8Array([
          this.#serial >> 8,
          this.#serial++,
          ...this.#many(() => this.#below(256)),
        ]);
    }
  }

  any(depth: number): unknown {
    switch (this.#below(depth > 4 ? 5 : 11)) {
      case 0:
        return this.#pick([null, true, false]);
      case 1:
      case 2:
        return this.#number();
      case 3:
        return this.#pick(TEXTS) + this.#pick(TEXTS);
      case 4: {
        const bytes = this.#many(() => this.#below(256));
        return this.#random() < 0.5 ? new Uint8Array(bytes) : new PyByteArray(bytes);
      }
      case 5:
      case 6:
        return this.#many(() => this.any(depth + 1));
      case 7:
        return new PyTuple(...this.#many(() => this.any(depth + 1)));
      case 8:
      case 9:
        return new Map(this.#many(() => [this.hashable(0), this.any(depth + 1)]));
      default: {
        // The order of a set is Python's own.
        const items = [this.hashable(0)].slice(this.#below(2));
        return this.#random() < 0.5 ? new Set(items) : new PyFrozenSet(items);
      }
    }
  }
}

const VALUES = 2000;

Deno.test("pickles of random values are read as the same values", () => {
  const reader = new PickleReader({ floats: "exact" });
  const writer = new PickleWriter();
  for (let seed = 0; seed < VALUES; seed++) {
    const value = new Values(seed).any(0);
    assertEquals(reader.read(writer.write(value)), value, `seed ${seed}`);
  }
});

Deno.test({
  name: "pickles of random values go to Python and back in each protocol",
  ignore: !(await pythonAvailable()),
  fn: async () => {
    const reader = new PickleReader({ floats: "exact" });
    const writer = new PickleWriter();
    const values = Array.from({ length: VALUES }, (_, seed) => new Values(seed).any(0));
    const sent = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(sent, values.map((value) => writer.write(value).toHex()).join("\n"));
      const { stdout, stderr } = await runPython(ECHO, { args: [sent] });
      assertEquals(stderr, "");
      const lines = stdout.trimEnd().split("\n");
      assertEquals(lines.length, VALUES);
      lines.forEach((line, seed) => {
        const { repr, pickles } = JSON.parse(line) as { repr: string; pickles: string[] };
        // Python's repr() goes deeper, and is as long as it needs to be.
        const ours = pythonRepr(values[seed], 1e6);
        if (!ours.includes("...")) assertEquals(ours, repr, `seed ${seed}`);
        assertEquals(pickles.length, 12);
        for (const pickle of pickles) {
          assertEquals(reader.read(Uint8Array.fromHex(pickle)), values[seed], `seed ${seed}`);
        }
      });
    } finally {
      await Deno.remove(sent);
    }
  },
});

const ECHO = `
import io, json, pickle, sys

for line in open(sys.argv[1]):
    value = pickle.loads(bytes.fromhex(line))
    pickles = []
    for protocol in range(6):
        for Pickler in (pickle.Pickler, pickle._Pickler):
            out = io.BytesIO()
            Pickler(out, protocol).dump(value)
            pickles.append(out.getvalue().hex())
    print(json.dumps({"repr": repr(value), "pickles": pickles}))
`;

// Broken pickles

const MUTANTS = 200_000;

/** What all of them may take: some seconds, more on a busy machine. */
const LIMIT_MS = 120_000;

/** What a pickle of a few hundred bytes may take to be read or refused, on a busy machine. */
const SLOWEST_MS = 2_000;

Deno.test("PickleReader.read() answers or refuses 200,000 broken pickles, in time and memory that are bounded", () => {
  const random = randomFrom(1);
  const below = (limit: number): number => Math.floor(random() * limit);
  const whole = VECTORS.flatMap(({ pickles }) => pickles)
    .map((pickle) => Uint8Array.fromHex(pickle))
    .filter(({ length }) => length < 400);
  const readers = [
    new PickleReader(),
    new PickleReader({ floats: "exact", dicts: "object" }),
    new PickleReader({ unknownNames: "keep", dicts: "object" }),
  ];
  const start = performance.now();
  let [read, refused, slowest] = [0, 0, 0];
  for (let n = 0; n < MUTANTS; n++) {
    const pickle = mutate(whole, below);
    const before = performance.now();
    try {
      readers[n % 3]!.read(pickle);
      read++;
    } catch (error) {
      if (!(error instanceof UnpicklingError)) throw new Error(pickle.toHex(), { cause: error });
      assertInstanceOf(error, UnpicklingError);
      refused++;
    }
    slowest = Math.max(slowest, performance.now() - before);
    if (n % 1000 === 0) assert(performance.now() - start < LIMIT_MS, `${n} pickles in too long`);
  }
  assert(read > 1000 && refused > 100_000, `${read} read, ${refused} refused`);
  assert(slowest < SLOWEST_MS, `one took ${slowest} ms`);
});

/** Opcodes, to put in: a random byte is one of them only at times. */
const OPCODES = [
  ...new TextEncoder().encode("(.0123FIJKLMNPQRSTUVXabcdeghijlopqrstu}]"),
  ...Array.from({ length: 25 }, (_, i) => 0x80 + i),
];

function mutate(whole: readonly Uint8Array[], below: (limit: number) => number): Uint8Array {
  let bytes = [...whole[below(whole.length)]!];
  for (let times = 1 + below(4); times > 0; times--) {
    const at = below(bytes.length);
    switch (below(7)) {
      case 0:
        bytes[at] = below(256);
        break;
      case 1:
        bytes[at] = OPCODES[below(OPCODES.length)]!;
        break;
      case 2:
        bytes.splice(at, 0, OPCODES[below(OPCODES.length)]!);
        break;
      case 3:
        bytes.splice(at, 1 + below(4));
        break;
      case 4: {
        // A piece again, at another place.
        const piece = bytes.slice(at, at + below(20));
        bytes.splice(below(bytes.length), 0, ...piece);
        break;
      }
      case 5: {
        const other = whole[below(whole.length)]!;
        bytes = [...bytes.slice(0, at), ...other.subarray(below(other.length))];
        break;
      }
      default:
        bytes[at] = [0, 1, 0x7f, 0x80, 0xff][below(5)]!;
    }
    if (bytes.length === 0) bytes.push(0x2e);
  }
  return new Uint8Array(bytes);
}

Deno.test("PickleReader.read() answers or refuses what is made of opcodes alone", () => {
  const random = randomFrom(2);
  const reader = new PickleReader({ unknownNames: "keep", maxDepth: 20 });
  for (let n = 0; n < 50_000; n++) {
    const length = 1 + Math.floor(random() * 40);
    const pickle = Uint8Array.from(
      { length },
      () => OPCODES[Math.floor(random() * OPCODES.length)]!,
    );
    try {
      reader.read(pickle);
    } catch (error) {
      assertInstanceOf(error, UnpicklingError, pickle.toHex());
    }
  }
});
