/**
 * A segment of shared memory that this process has mapped.
 */

import { holdName, makeName } from "./_shm_leftovers.ts";
import { Errno, type System, system } from "./_shm_system.ts";
import { SharedMemoryError } from "./shared_memory_error.ts";

/** `NAME_MAX` of Linux and `PSHMNAMLEN` of macOS, with the slash that the system wants in front. */
const MOST_NAME_BYTES = Deno.build.os === "darwin" ? 30 : 254;

/** A segment that is mapped here. */
export class Segment {
  readonly name: string;
  readonly size: number;
  /** The memory itself; detached once the segment is closed. */
  readonly buffer: ArrayBuffer;
  readonly #address: Deno.PointerObject;
  /** The open file, where a lock on it says that the segment is in use. */
  readonly #fd: number | undefined;
  #isClosed = false;

  constructor(name: string, size: number, address: Deno.PointerObject, fd: number | undefined) {
    this.name = name;
    this.size = size;
    this.buffer = Deno.UnsafePointerView.getArrayBuffer(address, size);
    this.#address = address;
    this.#fd = fd;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes the memory away from whoever has a view of it, and gives it back to the system. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#fd !== undefined) system().close(this.#fd);
    // Somebody has transferred the buffer, and may use it elsewhere: it stays until the process ends.
    if (this.buffer.detached) return;
    this.buffer.transfer(0);
    retire(this.#address, this.size);
  }
}

/**
 * Creates a segment.
 *
 * @param size In bytes.
 * @param wanted Its name; one is made when there is none.
 */
export function createSegment(size: number, wanted: string | undefined): Segment {
  const calls = system();
  const action = `create shared memory${wanted === undefined ? "" : ` "${wanted}"`}`;
  let name: string;
  let fd: number;
  do {
    name = wanted ?? makeName(calls);
    fd = calls.open(`/${name}`, { create: true });
  } while (fd === -Errno.EEXIST && wanted === undefined);
  if (fd < 0) throw systemError(action, fd);
  try {
    const use = holdName(calls, name, fd);
    const answer = calls.reserve(fd, size);
    if (answer < 0) throw systemError(`${action} of ${size} bytes`, answer);
    return mapSegment(calls, { name, fd, action, isHeld: use === "held" });
  } catch (error) {
    calls.close(fd);
    calls.unlink(`/${name}`);
    throw error;
  }
}

/** Maps a segment that exists. */
export function attachSegment(name: string): Segment {
  const calls = system();
  const action = `attach to shared memory "${name}"`;
  const fd = calls.open(`/${name}`);
  if (fd < 0) throw systemError(action, fd);
  try {
    const use = holdName(calls, name, fd);
    // Who removes what is left over holds it alone.
    if (use === "swept") throw systemError(action, -Errno.ENOENT);
    return mapSegment(calls, { name, fd, action, isHeld: use === "held" });
  } catch (error) {
    calls.close(fd);
    throw error;
  }
}

/** Removes the name of a segment; those who have mapped it keep it. */
export function unlinkSegment(name: string): void {
  const answer = system().unlink(`/${name}`);
  if (answer < 0) throw systemError(`unlink shared memory "${name}"`, answer);
}

function mapSegment(
  calls: System,
  { name, fd, action, isHeld }: { name: string; fd: number; action: string; isHeld: boolean },
): Segment {
  const size = calls.sizeOf(fd);
  if (size < 0) throw systemError(action, size);
  if (size === 0) {
    throw new SharedMemoryError(
      `Cannot ${action}: it has no size, which whoever creates it has yet to give`,
      { code: "EINVAL" },
    );
  }
  const address = calls.map(fd, size);
  if (typeof address === "number") throw systemError(`${action} of ${size} bytes`, address);
  const segment = new Segment(name, size, address, isHeld ? fd : undefined);
  if (!isHeld) calls.close(fd);
  return segment;
}

/**
 * Addresses of closed segments. They are not given back at once: an operation that was under way with the
 * buffer (`connection.read(memory.buf)`) still writes there, from a thread of the runtime that does not
 * learn of the detached buffer. Without anything there the process dies of it (a read from a TLS
 * connection does), and with something else there that is overwritten. So empty memory takes their place,
 * which costs addresses only, until many segments later.
 */
const retired: { address: Deno.PointerObject; size: number }[] = [];
let retiredBytes = 0;

const MOST_RETIRED = 1_000;
const MOST_RETIRED_BYTES = 2 ** 36;

function retire(address: Deno.PointerObject, size: number): void {
  // Without room for it what was mapped stays mapped.
  if (!system().cover(address, size)) return;
  retired.push({ address, size });
  retiredBytes += size;
  while (
    retired.length > MOST_RETIRED || (retiredBytes > MOST_RETIRED_BYTES && retired.length > 1)
  ) {
    const oldest = retired.shift()!;
    retiredBytes -= oldest.size;
    system().unmap(oldest.address, oldest.size);
  }
}

/**
 * Checks a name.
 *
 * @throws {TypeError} When it is no text.
 * @throws {RangeError} When no segment can have it.
 */
export function checkName(name: unknown, action: string): string {
  if (typeof name !== "string") {
    throw new TypeError(`Cannot ${action}: "name" must be a string, got ${typeof name}`);
  }
  const bytes = new TextEncoder().encode(name).length;
  const problem = name === "" || name === "." || name === ".."
    ? `it is "${name}"`
    : name.includes("/")
    ? "it holds a slash (the one in front is not part of the name here)"
    : name.includes("\0")
    ? "it holds a zero character"
    : !name.isWellFormed()
    ? "it holds half of a character"
    : bytes > MOST_NAME_BYTES
    ? `it takes ${bytes} bytes, and ${MOST_NAME_BYTES} is the most`
    : undefined;
  if (problem === undefined) return name;
  throw new RangeError(`Cannot ${action}: "name" is no name of a segment, ${problem}`);
}

function systemError(action: string, answer: number): Error {
  switch (-answer) {
    case Errno.ENOENT:
      return new Deno.errors.NotFound(`Cannot ${action}: there is no segment of this name`);
    case Errno.EEXIST:
      return new Deno.errors.AlreadyExists(`Cannot ${action}: there is a segment of this name`);
    case Errno.EACCES:
    case Errno.EPERM:
      return new Deno.errors.PermissionDenied(`Cannot ${action}: it belongs to another user`);
  }
  const code = Object.entries(Errno).find(([, number]) => number === -answer)?.[0];
  const why = code === undefined ? undefined : REASONS[code];
  return new SharedMemoryError(
    `Cannot ${action}: ${why ?? `the system says ${code ?? `errno ${-answer}`}`}`,
    { code: code ?? `errno ${-answer}` },
  );
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "there is not so much shared memory left",
  EFBIG: "no segment can be so large",
  ENOMEM: "there is not so much memory left",
  EMFILE: "this process has too many open files",
  ENFILE: "this system has too many open files",
};
