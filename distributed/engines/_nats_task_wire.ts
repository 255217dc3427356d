import { headers as createHeaders, type MsgHdrs } from "@nats-io/nats-core";
import type { EngineTask, TaskOutcome, TaskTrace } from "../engine.ts";
import { errorFromWire, errorToWire } from "../_task_wire.ts";
import { fromBase64, type StreamMessage, toBase64 } from "./_nats_api.ts";
import { fromBytes, toBytes } from "./_nats_encoding.ts";
import { NOBODY, readTaskSubject, toToken } from "./_nats_queue_names.ts";

/**
 * What messages of a queue look like. The body of a task is its value, that of an outcome the result, or the error as
 * data; the rest is in headers, all of which may be absent: a task without any is put by nobody who waits, has no
 * retries, and its name is in its subject.
 */

/** Who waits for the result; a token of a subject. */
const PRODUCER = "Mh-Producer";
/** `1`: the user has chosen the name. */
const OWN = "Mh-Own";
/** How often it is handed out again; a number or `Infinity`. */
const RETRIES = "Mh-Retries";
/** When a delayed task can be taken, in milliseconds since 1970. */
const DUE = "Mh-Due";
const TRACE_PARENT = "traceparent";
const TRACE_STATE = "tracestate";
/** `done`, `failed` or `cancelled`. */
const STATE = "Mh-State";
/** Of which call of `put` a task is whose name its user has chosen. */
const PUT = "Mh-Put";
/** Who has ended the task: every try of one to do so has the same text here. */
const BY = "Mh-By";
/** Of a task that has failed for good: its place, how many attempts there were, and the error. */
const LEVEL = "Mh-Level";
const ATTEMPTS = "Mh-Attempts";
const ERROR = "Mh-Error";

/** So much of what is left for headers an error may take in any case. */
const LEAST_ERROR_BYTES = 400;

/** In front of an error that is no JSON text. */
const BASE64 = "base64:";

/** A message is not stored twice that has the same text here. */
export const MESSAGE_ID = "Nats-Msg-Id";
/** A message is not stored when its subject has one whose number is another one. */
export const EXPECTED = "Nats-Expected-Last-Subject-Sequence";

/** A task as the engine keeps it. */
export interface KeptTask {
  readonly id: string;
  readonly kind: "t" | "z";
  readonly level: number;
  readonly producer: string;
  readonly isOwn: boolean;
  readonly retries: number;
  readonly dueMs: number;
  readonly trace: TaskTrace | undefined;
  readonly body: Uint8Array;
  readonly seq: number;
  /** Of which call of `put` it is, when its user has chosen the name. */
  readonly put: string | undefined;
}

/** By whom, when and with which call a task is put. */
export interface PutPlace {
  readonly producer: string;
  /** When it can be taken; 0 for at once. */
  readonly dueMs: number;
  /** The same for every try of one call. */
  readonly put: string;
  /** The same for every call that means the same task. */
  readonly messageId: string;
}

/** The headers of a task that is put. */
export function taskHeaders(
  task: Pick<EngineTask, "ownId" | "retries" | "trace">,
  { producer, dueMs, put, messageId }: PutPlace,
): MsgHdrs {
  const form = createHeaders();
  form.set(MESSAGE_ID, messageId);
  if (producer !== NOBODY) form.set(PRODUCER, producer);
  if (task.ownId) {
    form.set(OWN, "1");
    form.set(PUT, put);
    form.set(EXPECTED, "0");
  }
  if (task.retries > 0) form.set(RETRIES, String(task.retries));
  if (dueMs > 0) form.set(DUE, String(Math.ceil(dueMs)));
  setTrace(form, task.trace);
  return form;
}

function setTrace(form: MsgHdrs, trace: TaskTrace | undefined): void {
  if (trace === undefined) return;
  form.set(TRACE_PARENT, trace.traceparent);
  if (trace.tracestate) form.set(TRACE_STATE, trace.tracestate);
}

/** Reads a task; `undefined` when its subject is none of a task. */
export function readTask(
  message: Pick<StreamMessage, "subject" | "seq" | "headers" | "body">,
): KeptTask | undefined {
  const place = readTaskSubject(message.subject);
  if (place === undefined) return undefined;
  const { headers, body, seq } = message;
  return { ...place, ...readCommon(headers), body, seq, put: headers.get(PUT) };
}

function readCommon(
  headers: ReadonlyMap<string, string>,
): Pick<KeptTask, "producer" | "isOwn" | "retries" | "dueMs" | "trace"> {
  const traceparent = headers.get(TRACE_PARENT);
  const tracestate = headers.get(TRACE_STATE);
  return {
    producer: headers.get(PRODUCER) ?? NOBODY,
    isOwn: headers.get(OWN) === "1",
    retries: readNumber(headers.get(RETRIES)),
    dueMs: readNumber(headers.get(DUE)),
    trace: traceparent === undefined
      ? undefined
      : { traceparent, ...tracestate === undefined ? {} : { tracestate } },
  };
}

/** What comes from a network may be anything. */
function readNumber(text: string | undefined): number {
  const number = Number(text ?? 0);
  return number >= 0 ? number : 0;
}

/**
 * What only this put of the task is called. A name can be put again; and a server that was killed when the queue had
 * just run empty may count from a lower number again.
 */
export function nameOf({ id, seq }: Pick<KeptTask, "id" | "seq">): string {
  return `${seq}.${toToken(id)}`;
}

/** An outcome on its way. */
export interface OutcomeForm {
  readonly headers: MsgHdrs;
  readonly body: Uint8Array;
}

/**
 * Writes how a task has ended.
 *
 * @throws {TypeError} When the result cannot be carried.
 */
export function outcomeForm(
  outcome: TaskOutcome,
  { by, task }: { by: string; task: Pick<KeptTask, "id" | "seq"> },
): OutcomeForm {
  const form = createHeaders();
  // Old clusters take several at the same moment that expect the same, but not with the same name.
  form.set(MESSAGE_ID, `end.${nameOf(task)}`);
  form.set(STATE, outcome.state);
  form.set(BY, by);
  form.set(EXPECTED, "0");
  const value = outcome.state === "done" ? outcome.value : errorToWire(outcome.error);
  return { headers: form, body: toBytes(value) };
}

/** Reads how a task has ended. What cannot be read is a failure. */
export function readOutcome(
  { headers, body }: Pick<StreamMessage, "headers" | "body">,
): TaskOutcome {
  const state = headers.get(STATE);
  try {
    const value = fromBytes(body);
    if (state === "failed" || state === "cancelled") return { state, error: errorFromWire(value) };
    return { state: "done", value };
  } catch (error) {
    return { state: "failed", error };
  }
}

/** Who has ended a task. */
export function endedBy({ headers }: Pick<StreamMessage, "headers">): string | undefined {
  return headers.get(BY);
}

/** A task that has failed for good, as a message. */
export function deadLetterHeaders(
  task: KeptTask,
  { error, attempts, room }: { error: unknown; attempts: number; room: number },
): MsgHdrs {
  const form = createHeaders();
  form.set(LEVEL, String(task.level));
  form.set(ATTEMPTS, String(attempts));
  form.set(ERROR, fittingText(error, room));
  if (task.isOwn) form.set(OWN, "1");
  if (task.retries > 0) form.set(RETRIES, String(task.retries));
  setTrace(form, task.trace);
  return form;
}

/** An error as a text that leaves the task its place: in need it is its beginning, and in the end only that it was. */
function fittingText(error: unknown, room: number): string {
  const text = errorText(error);
  if (sizeOf(text) <= room) return text;
  const short = shortText(String(error).slice(0, 200));
  return sizeOf(short) <= Math.max(room, LEAST_ERROR_BYTES) ? short : shortText("It was too large");
}

/** Where the error was thrown is left out. */
function shortText(message: string): string {
  const error = new Error(message.toWellFormed());
  error.stack = "";
  return errorText(error);
}

function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function errorText(error: unknown): string {
  const bytes = toBytes(errorToWire(error));
  if (bytes[0] === 0) return `${BASE64}${toBase64(bytes)}`;
  return new TextDecoder().decode(bytes);
}

/** A task that has failed for good, as it is kept. */
export interface KeptDeadLetter extends Pick<KeptTask, "level" | "isOwn" | "retries" | "trace"> {
  readonly error: unknown;
  readonly attempts: number;
  readonly failedAt: Date;
}

/** Reads a task that has failed for good. */
export function readDeadLetter({ headers, timeMs }: StreamMessage): KeptDeadLetter {
  const { isOwn, retries, trace } = readCommon(headers);
  return {
    level: readNumber(headers.get(LEVEL)),
    isOwn,
    retries,
    trace,
    error: readErrorText(headers.get(ERROR)),
    attempts: readNumber(headers.get(ATTEMPTS)),
    failedAt: new Date(timeMs),
  };
}

function readErrorText(text: string | undefined): unknown {
  try {
    const bytes = text?.startsWith(BASE64)
      ? fromBase64(text.slice(BASE64.length))
      : new TextEncoder().encode(text ?? '"unknown"');
    return errorFromWire(fromBytes(bytes));
  } catch (error) {
    return error;
  }
}

/** What the subject to which a delivery is answered tells of it. */
export interface DeliveryPlace {
  readonly consumer: string;
  /** How often the message was delivered. */
  readonly delivered: number;
  readonly seq: number;
}

/** Reads `$JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.DELIVERED.SEQ.CONSUMER_SEQ.TIME.PENDING`. */
export function readDelivery(reply: string): DeliveryPlace {
  const tokens = reply.split(".");
  const at = tokens.length >= 11 ? 5 : 3;
  return {
    consumer: tokens[at]!,
    delivered: Number(tokens[at + 1]),
    seq: Number(tokens[at + 2]),
  };
}

/** Where a delivery is answered that one knows of only by its number. */
export function replyTo(stream: string, consumer: string, seq: number): string {
  return `$JS.ACK.${stream}.${consumer}.1.${seq}.1.0.0`;
}
