import { runPickle } from "./_pickle_machine.ts";
import { type ReaderSettings, Reading } from "./_pickle_reading.ts";
import type { ProxyReference } from "./_pickle_types.ts";

/** Options for {@linkcode PickleReader}. */
export interface PickleReaderOptions {
  /**
   * What a dictionary becomes: a `Map` always, or a plain object when all its keys are texts.
   *
   * @default {"map"}
   */
  dicts?: "map" | "object" | undefined;
  /**
   * What a float becomes that is a whole number: a number, which would go back as an int, or a `PyFloat`.
   * All other floats are numbers in any case.
   *
   * @default {"number"}
   */
  floats?: "number" | "exact" | undefined;
  /**
   * What becomes of names that are not on the list: they are refused, or kept as they are described, as
   * `PyGlobal` and `PyObject`. Nothing is called either way.
   *
   * @default {"refuse"}
   */
  unknownNames?: "refuse" | "keep" | undefined;
  /**
   * Names, `"module.name"`, that are kept as they are described although they are not on the list.
   *
   * @default {[]}
   */
  names?: Iterable<string> | undefined;
  /**
   * Makes what stands for a proxy. It is called while the message is read, of which the rest may turn out
   * to be broken.
   *
   * @default {(reference) => reference}
   */
  resolveProxy?: ((reference: ProxyReference) => unknown) | undefined;
  /**
   * The longest pickle, in bytes.
   *
   * @default {268435456}
   */
  maxBytes?: number | undefined;
  /**
   * The deepest nesting.
   *
   * @default {1000}
   */
  maxDepth?: number | undefined;
  /**
   * The most memory that what is read may take, in bytes, as far as it can be told beforehand.
   *
   * @default {536870912}
   */
  maxMemoryBytes?: number | undefined;
}

/**
 * Reads pickles of protocols 0 to 5, as data.
 *
 * - Names are read from a closed list. Nothing that a pickle names is called, imported or looked up.
 * - Depth, memory and work are bounded. There is no recursion.
 * - A pickle fills its message: what follows it is an error.
 */
export class PickleReader {
  readonly #settings: ReaderSettings;

  constructor(options: PickleReaderOptions = {}) {
    this.#settings = {
      keepsUnknown: options.unknownNames === "keep",
      plainDicts: options.dicts === "object",
      exactFloats: options.floats === "exact",
      names: new Set(options.names ?? []),
      resolve: options.resolveProxy,
      maxBytes: options.maxBytes ?? 268_435_456,
      maxDepth: options.maxDepth ?? 1000,
      maxMemory: options.maxMemoryBytes ?? 536_870_912,
    };
  }

  /**
   * Reads one pickle.
   *
   * @throws {UnpicklingError} When it is broken, too large, too deep, or names what is not read here.
   */
  read(bytes: Uint8Array): unknown {
    return runPickle(new Reading(this.#settings, bytes), bytes);
  }
}
