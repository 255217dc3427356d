import { AuthenticationError, ConnectionLostError, ProtocolError } from "./errors.ts";
import type { FrameStream } from "./_frame_stream.ts";
import { readRefusal } from "./_refusal.ts";

/**
 * The mutual authentication of Python's `multiprocessing.connection`: two rounds of challenge and
 * response with an HMAC over the challenge; the key itself never travels. Challenges are sent in the
 * form of Python 3.12 (`{sha256}` and 40 bytes), which older Pythons answer as well; both forms are
 * answered.
 *
 * The last eight of the 40 bytes are a mark of ours, so that a native client sees whether the other
 * side speaks the native protocol. That leaves 32 random bytes, and the MAC covers the mark.
 */

const CHALLENGE = ascii("#CHALLENGE#");
const WELCOME = ascii("#WELCOME#");
const FAILURE = ascii("#FAILURE#");
const TICKET = ascii("#TICKET#");
const DIGEST_PREFIX = ascii("{sha256}");
const NATIVE_MARK = ascii("manyhnd1");

/** Python's limit for every frame of the handshake. */
export const MAX_HANDSHAKE_FRAME_BYTES = 256;

const RANDOM_BYTES = 32;
const SHORTEST_CHALLENGE = 20;
const LEGACY_LENGTHS = [16, 20];
const DIGESTS: Record<string, string> = { md5: "MD5", sha256: "SHA-256", sha384: "SHA-384" };

/** Options for the two rounds of the handshake. */
export interface AuthenticationOptions {
  /**
   * Whether HMAC-MD5, the only form that Python 3.11 and older have, is accepted and answered.
   *
   * @default {true}
   */
  allowLegacy?: boolean | undefined;
}

/**
 * What a child gets over its standard input, to be used once: both sides know it before they meet, so that
 * one message each way proves both, without a challenge.
 */
export interface Ticket {
  /** What the child shows. */
  readonly ticket: string;
  /** What it must be answered. */
  readonly proof: string;
}

/** Makes the key out of what the user gave: text is taken as UTF-8, an empty key is refused. */
export function readKey(authkey: string | Uint8Array): Uint8Array<ArrayBuffer> {
  if (typeof authkey !== "string" && !(authkey instanceof Uint8Array)) {
    throw new TypeError(
      `Cannot authenticate: "authkey" must be a string or a Uint8Array, got ${typeof authkey}`,
    );
  }
  const key = typeof authkey === "string" ? new TextEncoder().encode(authkey) : authkey.slice();
  if (key.length === 0) throw new TypeError('Cannot authenticate: "authkey" must not be empty');
  return key as Uint8Array<ArrayBuffer>;
}

/**
 * The listening side: challenges first, then answers.
 *
 * @param redeem Takes a ticket, and answers its proof if there is such a ticket.
 */
export async function authenticateClient(
  stream: FrameStream,
  key: Uint8Array<ArrayBuffer>,
  options: AuthenticationOptions & { redeem?: Redeem | undefined } = {},
): Promise<void> {
  const hasTicket = await deliverChallenge(stream, key, options);
  if (!hasTicket) await answerChallenge(stream, key, options);
}

/** Takes a ticket, once, and answers its proof; `undefined` when there is no such ticket. */
export type Redeem = (ticket: string) => string | undefined;

/**
 * A child's side: it does not wait for the challenge.
 *
 * @param first The first request; it leaves together with the ticket.
 */
export async function showTicket(
  stream: FrameStream,
  { ticket, proof }: Ticket,
  first: Uint8Array,
): Promise<void> {
  stream.send(TICKET, ascii(ticket));
  stream.send(first);
  await receive(stream);
  const verdict = await receive(stream);
  if (!equalInConstantTime(verdict, join(WELCOME, ascii(proof)))) {
    throw new AuthenticationError(
      `Cannot authenticate to ${stream.peer}: it does not know the ticket, so it is not the parent`,
    );
  }
}

/**
 * The connecting side: answers first, then challenges.
 *
 * @param first The first request to a side that speaks the native protocol. It leaves in one write with
 * the `#WELCOME#`, which would cost 40 ms by itself where the other side delays its acknowledgements.
 * @returns Whether the other side speaks the native protocol.
 */
export async function authenticateServer(
  stream: FrameStream,
  key: Uint8Array<ArrayBuffer>,
  options: AuthenticationOptions = {},
  first?: Uint8Array,
): Promise<boolean> {
  const native = await answerChallenge(stream, key, options);
  await deliverChallenge(stream, key, options, native ? first : undefined);
  return native;
}

async function deliverChallenge(
  stream: FrameStream,
  key: Uint8Array<ArrayBuffer>,
  options: AuthenticationOptions & { redeem?: Redeem | undefined },
  next?: Uint8Array,
): Promise<boolean> {
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
  const message = join(DIGEST_PREFIX, random, NATIVE_MARK);
  stream.send(CHALLENGE, message);
  const reply = await receive(stream);
  if (options.redeem !== undefined && startsWith(reply, TICKET)) {
    const proof = options.redeem(new TextDecoder().decode(reply.subarray(TICKET.length)));
    if (proof !== undefined) {
      stream.send(WELCOME, ascii(proof));
      return true;
    }
  }
  let right = false;
  try {
    const { digest, payload } = classify(reply, options);
    right = equalInConstantTime(payload, await hmac(digest, key, message));
  } catch (error) {
    if (!(error instanceof AuthenticationError)) throw error;
  }
  if (!right) {
    stream.send(FAILURE);
    await stream.flushed();
    throw new AuthenticationError(
      `Cannot authenticate ${stream.peer}: digest received was wrong, the keys differ`,
    );
  }
  stream.send(WELCOME);
  if (next !== undefined) stream.send(next);
  return false;
}

async function answerChallenge(
  stream: FrameStream,
  key: Uint8Array<ArrayBuffer>,
  options: AuthenticationOptions,
): Promise<boolean> {
  const frame = await receive(stream);
  const refusal = readRefusal(frame);
  if (refusal !== undefined) {
    throw new AuthenticationError(`Cannot authenticate to ${stream.peer}: it says "${refusal}"`);
  }
  if (!startsWith(frame, CHALLENGE)) {
    throw new ProtocolError(
      `Cannot authenticate to ${stream.peer}: it sent no challenge, so it is no manager`,
    );
  }
  const message = frame.subarray(CHALLENGE.length);
  if (message.length < SHORTEST_CHALLENGE) {
    throw new AuthenticationError(
      `Cannot authenticate to ${stream.peer}: its challenge of ${message.length} bytes is too short`,
    );
  }
  const { digest, named } = classify(message, options);
  const mac = await hmac(digest, key, message);
  stream.send(named ? join(ascii(`{${digest}}`), mac) : mac);
  const verdict = await receive(stream);
  if (!equalInConstantTime(verdict, WELCOME)) {
    throw new AuthenticationError(
      `Cannot authenticate to ${stream.peer}: digest sent was rejected, the keys differ`,
    );
  }
  return message.length === DIGEST_PREFIX.length + RANDOM_BYTES + NATIVE_MARK.length &&
    equalInConstantTime(message.subarray(-NATIVE_MARK.length), NATIVE_MARK);
}

async function receive(stream: FrameStream): Promise<Uint8Array<ArrayBuffer>> {
  const frame = await stream.receive();
  if (frame === undefined) {
    throw new ConnectionLostError(`Lost the connection to ${stream.peer} in the handshake`);
  }
  return frame;
}

/** Which digest a challenge or a reply names, by Python's rules: the length is looked at first. */
function classify(
  message: Uint8Array<ArrayBuffer>,
  options: AuthenticationOptions,
): { digest: string; payload: Uint8Array<ArrayBuffer>; named: boolean } {
  let digest = "md5";
  let payload = message;
  const named = !LEGACY_LENGTHS.includes(message.length);
  if (named) {
    const text = new TextDecoder("latin1").decode(message.subarray(0, 10));
    const match = /^\{([a-z0-9_]{1,8})\}/.exec(text);
    if (match === null) {
      throw new AuthenticationError(
        `Cannot authenticate: a message of ${message.length} bytes names no digest`,
      );
    }
    digest = match[1]!;
    payload = message.subarray(match[0].length);
  }
  if (!Object.hasOwn(DIGESTS, digest)) {
    throw new AuthenticationError(`Cannot authenticate: digest "${digest}" is not supported`);
  }
  if (digest === "md5" && options.allowLegacy === false) {
    throw new AuthenticationError("Cannot authenticate: HMAC-MD5 is not allowed here");
  }
  return { digest, payload, named };
}

/** HMAC of a message. MD5 is not in WebCrypto; its module is loaded only when an old peer asks for it. */
export async function hmac(
  digest: string,
  key: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  if (digest === "md5") {
    const { createHmac } = await import("node:crypto");
    return new Uint8Array(createHmac("md5", key).update(message).digest());
  }
  const algorithm = { name: "HMAC", hash: DIGESTS[digest]! };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, message));
}

/** Compares without telling by the time it takes where two byte strings differ. */
function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, i) => bytes[i] === byte);
}

function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function ascii(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
