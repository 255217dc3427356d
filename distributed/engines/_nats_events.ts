import { headers as createHeaders, type Msg, type MsgHdrs } from "@nats-io/nats-core";

/** What a worker tells the producer of a task, while it works. */
export interface TaskEventForm {
  readonly kind: "started" | "waiting" | "progress";
  readonly id: string;
  readonly attempt: number;
  /** Who tells it: one lease. */
  readonly by: string;
  readonly worker: string;
  /** The place of a report among those of the lease, from 1 on. */
  readonly number: number;
}

export function eventHeaders(event: TaskEventForm): MsgHdrs {
  const form = createHeaders();
  form.set("Mh-Event", event.kind);
  form.set("Mh-Id", encodeURIComponent(event.id));
  form.set("Mh-Attempt", String(event.attempt));
  form.set("Mh-By", event.by);
  form.set("Mh-Worker", encodeURIComponent(event.worker.toWellFormed()));
  if (event.number > 0) form.set("Mh-Number", String(event.number));
  return form;
}

/** Reads an event; `undefined` when it is none. */
export function readEvent({ headers }: Msg): TaskEventForm | undefined {
  const kind = headers?.get("Mh-Event");
  if (headers === undefined) return undefined;
  if (kind !== "started" && kind !== "waiting" && kind !== "progress") return undefined;
  try {
    return {
      kind,
      id: decodeURIComponent(headers.get("Mh-Id")),
      attempt: Number(headers.get("Mh-Attempt")),
      by: headers.get("Mh-By"),
      worker: decodeURIComponent(headers.get("Mh-Worker")),
      number: Number(headers.get("Mh-Number") || 0),
    };
  } catch {
    return undefined;
  }
}
