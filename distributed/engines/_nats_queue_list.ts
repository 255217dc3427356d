import { NatsApi } from "./_nats_api.ts";
import type { NatsSource } from "./_nats_owner.ts";
import { QueueNames } from "./_nats_queue_names.ts";

const ACTION = "Cannot list the task queues";

/** So many names come with one answer. */
interface NamesForm {
  readonly streams?: readonly string[] | null;
  readonly total: number;
}

/** The names of all queues of an account. */
export async function listQueues(source: NatsSource): Promise<string[]> {
  const client = await source.open("list the task queues");
  const api = new NatsApi(client, { patienceMs: 0, tryMs: client.requestTimeoutMs });
  const names: string[] = [];
  for (let offset = 0;;) {
    const { streams, total } = await api.call<NamesForm>(ACTION, "STREAM.NAMES", { offset });
    offset += streams?.length ?? 0;
    for (const stream of streams ?? []) {
      const queue = /^MH_(.+)_tasks$/.exec(stream)?.[1];
      if (queue !== undefined && new QueueNames(queue).tasks === stream) names.push(queue);
    }
    if ((streams?.length ?? 0) === 0 || offset >= total) return names.sort();
  }
}

/** A round trip. */
export async function pingEngine(source: NatsSource): Promise<void> {
  const client = await source.open("ping the engine");
  try {
    await client.nc.rtt();
  } catch (error) {
    throw client.explain(error, "Cannot ping the engine");
  }
}
