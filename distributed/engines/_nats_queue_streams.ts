import { headers as createHeaders } from "@nats-io/nats-core";
import { InvalidStateError } from "../../coroutine/errors.ts";
import { AuthenticationError } from "../../ipc/errors.ts";
import { isApiError, type NatsApi, NatsCode } from "./_nats_api.ts";
import { fromBytes, toBytes } from "./_nats_encoding.ts";
import type { QueueNames } from "./_nats_queue_names.ts";
import { EXPECTED, MESSAGE_ID } from "./_nats_task_wire.ts";

/** What a queue is like. Whoever creates it decides; it is kept beside the tasks. */
export interface QueueSettings {
  readonly version: 1;
  readonly priorities: readonly number[];
  readonly leaseMs: number;
  readonly maxSize: number;
  readonly maxDeadLetters: number;
  readonly keepResultsMs: number;
  readonly replicas: number;
}

/** What the user has said of it; the rest may be what it is. */
export type WantedSettings = {
  readonly [Name in Exclude<keyof QueueSettings, "version">]?: QueueSettings[Name] | undefined;
};

const DEFAULTS: QueueSettings = {
  version: 1,
  priorities: [0],
  leaseMs: 10_000,
  maxSize: 0,
  maxDeadLetters: 1_000,
  keepResultsMs: 300_000,
  replicas: 1,
};

/** A put whose answer was lost may be repeated for so long. */
const DUPLICATE_MS = 120_000;

/** So many calls of `get` may wait at a time, for tasks of each priority. */
const MOST_WAITING = 16_384;

/** Who has begun to create a queue has so long for it. */
const OTHERS_MS = 5_000;

/** So often it is looked whether he has come to the end. */
const LOOK_MS = 20;

const NANOSECONDS = 1_000_000;

const ACTION = "Cannot open the task queue";

/**
 * Finds a queue, or creates it.
 *
 * @throws {InvalidStateError} When it is there, and is not what is wanted.
 */
export async function openQueue(
  api: NatsApi,
  names: QueueNames,
  wanted: WantedSettings,
  { create }: { create: boolean },
): Promise<QueueSettings> {
  let settings = create && await isEmpty(api, names) ? undefined : await findSettings(api, names);
  let isFirst = false;
  if (settings === undefined) {
    if (!create) {
      throw new InvalidStateError(
        `Cannot open the task queue "${names.queue}": there is none, and "create" is false`,
      );
    }
    const given = Object.entries(wanted).filter(([, value]) => value !== undefined);
    const whole = { ...DEFAULTS, ...Object.fromEntries(given) };
    ({ settings, isFirst } = await createSettings(api, names, whole));
  }
  checkSettings(names, settings, wanted);
  // Whoever is the first to create it may not come to the end.
  if (isFirst || create && !await areMade(api, names)) await createStreams(api, names, settings);
  return settings;
}

/**
 * Waits until another one has made the streams. When two make the same at a time, a server of 2.9 may be left with a
 * consumer that never delivers anything.
 *
 * @returns Whether they are made.
 */
async function areMade(api: NatsApi, names: QueueNames): Promise<boolean> {
  const endMs = performance.now() + OTHERS_MS;
  while (!await hasTasks(api, names)) {
    if (performance.now() >= endMs) return false;
    await api.pause(LOOK_MS, {});
  }
  return true;
}

/**
 * Whether nothing is known of the queue yet. Servers of 2.9 end when they are asked for a message of a stream that is
 * just being made, as by another one who creates the same queue.
 */
async function isEmpty(api: NatsApi, names: QueueNames): Promise<boolean> {
  try {
    const subject = `STREAM.INFO.${names.state}`;
    const { state } = await api.call<{ state: { messages: number } }>(ACTION, subject);
    return state.messages === 0;
  } catch (error) {
    if (isApiError(error, NatsCode.NO_STREAM)) return true;
    // An account with few rights creates none.
    if (error instanceof AuthenticationError) return false;
    throw error;
  }
}

async function findSettings(api: NatsApi, names: QueueNames): Promise<QueueSettings | undefined> {
  try {
    const query = { last_by_subj: names.settings };
    const message = await api.find(ACTION, names.state, query);
    return message === undefined ? undefined : fromBytes(message.body) as QueueSettings;
  } catch (error) {
    if (isApiError(error, NatsCode.NO_STREAM)) return undefined;
    throw error;
  }
}

/** Of several who create it at a time one decides. */
async function createSettings(
  api: NatsApi,
  names: QueueNames,
  settings: QueueSettings,
): Promise<{ settings: QueueSettings; isFirst: boolean }> {
  await createStream(api, names.state, {
    subjects: [names.all("s")],
    retention: "limits",
    max_msgs_per_subject: 1,
    num_replicas: settings.replicas,
  });
  const headers = createHeaders();
  headers.set(EXPECTED, "0");
  headers.set(MESSAGE_ID, "settings");
  let isFirst = false;
  try {
    const stored = await api.store(ACTION, names.settings, toBytes(settings), { headers });
    isFirst = stored.duplicate !== true;
  } catch (error) {
    if (!isApiError(error) || !error.isConflict) throw error;
  }
  return { settings: await findSettings(api, names) ?? settings, isFirst };
}

function checkSettings(names: QueueNames, settings: QueueSettings, wanted: WantedSettings): void {
  for (const [name, value] of Object.entries(wanted)) {
    if (value === undefined) continue;
    const is = JSON.stringify(settings[name as keyof QueueSettings]);
    if (JSON.stringify(value) === is) continue;
    throw new InvalidStateError(
      `Cannot open the task queue "${names.queue}": it was created with "${name}" ${is}, not ${
        JSON.stringify(value)
      }`,
    );
  }
}

async function hasTasks(api: NatsApi, names: QueueNames): Promise<boolean> {
  try {
    await api.call(ACTION, `CONSUMER.INFO.${names.tasks}.${names.consumer("z", 0)}`);
    return true;
  } catch (error) {
    if (isApiError(error, NatsCode.NO_STREAM, NatsCode.NO_CONSUMER)) return false;
    throw error;
  }
}

async function createStreams(
  api: NatsApi,
  names: QueueNames,
  settings: QueueSettings,
): Promise<void> {
  const { maxSize, replicas, keepResultsMs, maxDeadLetters, priorities, leaseMs } = settings;
  const common = { num_replicas: replicas };
  await createStream(api, names.results, {
    ...common,
    subjects: [names.all("r")],
    retention: "limits",
    max_msgs_per_subject: 1,
    max_age: keepResultsMs * NANOSECONDS,
    duplicate_window: Math.min(keepResultsMs, DUPLICATE_MS) * NANOSECONDS,
  });
  await createStream(api, names.dead, {
    ...common,
    subjects: [names.all("x")],
    retention: "limits",
    max_msgs_per_subject: 1,
    max_msgs: maxDeadLetters,
    discard: "old",
  });
  await createStream(api, names.tasks, {
    ...common,
    subjects: [names.all("t"), names.all("z")],
    retention: "workqueue",
    discard: "new",
    max_msgs: maxSize === 0 ? -1 : maxSize,
    duplicate_window: DUPLICATE_MS * NANOSECONDS,
  });
  for (const level of priorities.keys()) {
    await createConsumer(api, names, "t", level, names.level(level), leaseMs);
  }
  // The last one: it says that everything is there.
  await createConsumer(api, names, "z", 0, names.all("z"), leaseMs);
}

async function createStream(
  api: NatsApi,
  name: string,
  config: Record<string, unknown>,
): Promise<void> {
  try {
    await api.call(ACTION, `STREAM.CREATE.${name}`, { name, storage: "file", ...config });
  } catch (error) {
    if (!isApiError(error, NatsCode.OTHER_SETTINGS)) throw error;
    // Somebody has changed it, as for more replicas. That is his business.
  }
}

async function createConsumer(
  api: NatsApi,
  names: QueueNames,
  kind: "t" | "z",
  level: number,
  subjects: string,
  leaseMs: number,
): Promise<void> {
  const name = names.consumer(kind, level);
  await api.call(ACTION, `CONSUMER.DURABLE.CREATE.${names.tasks}.${name}`, {
    stream_name: names.tasks,
    config: {
      durable_name: name,
      deliver_policy: "all",
      ack_policy: "explicit",
      ack_wait: leaseMs * NANOSECONDS,
      max_deliver: -1,
      max_ack_pending: -1,
      max_waiting: MOST_WAITING,
      filter_subject: subjects,
    },
  });
}

/** Takes a queue away, with all that is in it. */
export async function deleteQueue(api: NatsApi, names: QueueNames): Promise<void> {
  for (const stream of [names.tasks, names.results, names.dead, names.state]) {
    try {
      await api.call("Cannot delete the task queue", `STREAM.DELETE.${stream}`);
    } catch (error) {
      if (!isApiError(error, NatsCode.NO_STREAM)) throw error;
    }
  }
}
