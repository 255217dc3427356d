/**
 * How memory that threads share is written down as bytes: not the memory, but a number under which another thread
 * of the program finds it, once.
 *
 * It is what the runtime's own `postMessage` does. It has no public name, so nothing but this needs it, and where
 * a version of the runtime has it no more the error says so. The public way, a `MessagePort`, joins two threads:
 * one who puts into a queue does not know who will get.
 */

/** The part of the runtime's serializer that is used here. */
interface RuntimeSerializer {
  serialize(value: unknown): Uint8Array<ArrayBuffer>;
  deserialize(bytes: Uint8Array): unknown;
}

function findSerializer(): RuntimeSerializer | undefined {
  const deno = (globalThis as { Deno?: Record<PropertyKey, unknown> }).Deno;
  const internal = deno?.[deno.internal as symbol] as { core?: Partial<RuntimeSerializer> };
  const core = internal?.core;
  if (typeof core?.serialize !== "function" || typeof core.deserialize !== "function") {
    return undefined;
  }
  return core as RuntimeSerializer;
}

/** Writes a structured clone down. Its shared memory stays in use until {@linkcode readClone} has read it. */
export function writeClone(value: unknown): Uint8Array<ArrayBuffer> {
  const serializer = findSerializer();
  if (serializer !== undefined) return serializer.serialize(value);
  throw new TypeError("this version of the runtime hands shared memory over by postMessage() only");
}

/** Reads what {@linkcode writeClone} wrote, perhaps in another thread; it can be read once. */
export function readClone(bytes: Uint8Array): unknown {
  return findSerializer()!.deserialize(bytes);
}
