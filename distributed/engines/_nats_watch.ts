import { AckPolicy, type ConsumerConfig, DeliverPolicy } from "@nats-io/jetstream";
import { createInbox, type Msg, nuid } from "@nats-io/nats-core";
import { EngineUnavailableError } from "../task_errors.ts";
import { type InsistWithin, isGone, type NatsBucket } from "./_nats_bucket.ts";
import type { NatsClient } from "./_nats_client.ts";

/** So often the server tells that it is there when nothing changes. */
const HEARTBEAT_MS = 2_000;

/** After so long without a word the server has forgotten the watcher, or moved it. */
const SILENCE_MS = 3 * HEARTBEAT_MS;

/** The server forgets a watcher that is away for longer. */
const FORGET_MS = 5_000;

const NANOSECONDS = 1_000_000;
const CONTROL = 100;
const FIRST_ERROR = 400;

/** A change of a key, or what it has when the watch begins. */
export interface BucketChange {
  /** Which key, encoded. */
  readonly key: string;
  /** Its value; nothing when it was taken away, or when only keys were asked for. */
  readonly data: Uint8Array | undefined;
  /** Whether it was taken away. */
  readonly isGone: boolean;
  /** The number of the change. */
  readonly revision: number;
}

/** Who is told. */
export interface BucketWatcher {
  /** Called for each change. */
  changed(change: BucketChange): void;
  /** Called when changes will be told from now on. */
  ready?(): void;
  /** Called when they are not told any more; it is tried again. */
  lost?(): void;
}

/**
 * Tells what keys have now and how they change, until it is stopped. After the connection was lost and made anew, or
 * when something was missed, it begins again with what they have then: who is told must bear it twice.
 *
 * @param key Which key, encoded; `>` for all.
 * @param watcher Who is told.
 * @param options What stops it.
 * @returns Never, unless it is stopped.
 * @throws The signal's reason; what makes it impossible to watch, as a missing right.
 */
export async function watchBucket(
  bucket: NatsBucket,
  key: string,
  watcher: BucketWatcher,
  options: { signal: AbortSignal },
): Promise<never> {
  const { signal } = options;
  for (;;) {
    signal.throwIfAborted();
    // For ever: the one who waits decides how long.
    const within: InsistWithin = { signal, deadline: Infinity };
    await bucket.ask("watch", async (client) => {
      try {
        await follow(
          bucket,
          client,
          { key, keysOnly: false, untilCurrent: false },
          watcher,
          signal,
        );
      } finally {
        watcher.lost?.();
      }
    }, within);
  }
}

/**
 * What all keys have at one moment.
 *
 * @returns One change for each key that was ever written and not forgotten, in the order of their last changes.
 */
export async function listBucket(
  bucket: NatsBucket,
  options: { keysOnly: boolean },
): Promise<BucketChange[]> {
  return await bucket.ask("read", async (client) => {
    const found = new Map<string, BucketChange>();
    const { signal } = new AbortController();
    const changed = (change: BucketChange) => {
      found.delete(change.key);
      found.set(change.key, change);
    };
    const { keysOnly } = options;
    await follow(bucket, client, { key: ">", keysOnly, untilCurrent: true }, { changed }, signal);
    return [...found.values()].filter(({ isGone }) => !isGone);
  });
}

/**
 * Follows a bucket over one connection.
 *
 * @returns When it was stopped, or when all was told that there was, if that is asked for.
 * @throws {EngineUnavailableError} When something was missed, or may have been.
 */
async function follow(
  bucket: NatsBucket,
  client: NatsClient,
  { key, keysOnly, untilCurrent }: { key: string; keysOnly: boolean; untilCurrent: boolean },
  watcher: BucketWatcher,
  signal: AbortSignal,
): Promise<void> {
  const { nc, manager } = client;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // It may fail before it is awaited.
  promise.catch(() => {});
  const fail = (text: string) => reject(new EngineUnavailableError(`Cannot watch: ${text}`));
  const inbox = createInbox(nc.options.inboxPrefix);
  const prefixLength = bucket.subject("").length;
  let seen = 0;
  let silence: ReturnType<typeof setTimeout> | undefined;
  const listen = () => {
    clearTimeout(silence);
    silence = setTimeout(() => fail("the engine is silent"), SILENCE_MS);
  };
  const receive = (message: Msg) => {
    listen();
    const code = message.headers?.code ?? 0;
    if (code === CONTROL) {
      const stalled = message.headers?.get("Nats-Consumer-Stalled") ?? "";
      if (message.reply !== undefined && message.reply !== "") message.respond();
      else if (stalled !== "") nc.publish(stalled);
      const last = message.headers?.get("Nats-Last-Consumer") ?? "";
      if (last === "") return;
      if (Number(last) !== seen) fail("a change was missed");
      // What was to come has been taken away meanwhile: the engine rests, and nothing is left.
      else if (untilCurrent && stalled === "") resolve();
      return;
    }
    if (code >= FIRST_ERROR) return fail(message.headers?.description ?? String(code));
    const { number, revision, pending } = readPlace(message.reply ?? "");
    if (number !== ++seen) return fail("a change was missed");
    const gone = isGone(message.headers);
    const data = gone || keysOnly ? undefined : message.data;
    watcher.changed({ key: message.subject.slice(prefixLength), data, isGone: gone, revision });
    if (untilCurrent && pending === 0) resolve();
  };
  const subscription = nc.subscribe(inbox, {
    callback: (error, message) => {
      // An account that may not listen there.
      if (error !== null) reject(error);
      else receive(message);
    },
  });
  const stopListening = client.onLost(() => fail("the connection was lost"));
  const abort = () => resolve();
  signal.addEventListener("abort", abort, { once: true });
  const name = `watch_${nuid.next()}`;
  let isMade = false;
  try {
    if (signal.aborted) return;
    const config: Partial<ConsumerConfig> = {
      name,
      deliver_subject: inbox,
      filter_subject: bucket.subject(key),
      deliver_policy: DeliverPolicy.LastPerSubject,
      ack_policy: AckPolicy.None,
      mem_storage: true,
      num_replicas: 1,
      headers_only: keysOnly,
      flow_control: true,
      idle_heartbeat: HEARTBEAT_MS * NANOSECONDS,
      inactive_threshold: FORGET_MS * NANOSECONDS,
    };
    const { num_pending } = await manager.consumers.add(bucket.stream, config);
    isMade = true;
    listen();
    watcher.ready?.();
    if (untilCurrent && num_pending === 0) return;
    await promise;
  } finally {
    clearTimeout(silence);
    stopListening();
    signal.removeEventListener("abort", abort);
    if (!nc.isClosed()) subscription.unsubscribe();
    // The server would forget it by itself.
    if (isMade && client.isConnected) {
      manager.consumers.delete(bucket.stream, name).catch(() => {});
    }
  }
}

/** What the reply subject of a delivered message tells: `$JS.ACK[.domain.account].stream.consumer.tries.….` */
function readPlace(reply: string): { number: number; revision: number; pending: number } {
  const words = reply.split(".");
  const at = words.length > 9 ? 6 : 4;
  return {
    number: Number(words[at + 2]),
    revision: Number(words[at + 1]),
    pending: Number(words[at + 4]),
  };
}
