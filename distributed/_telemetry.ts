import type { TaskTrace } from "./engine.ts";

/**
 * Spans for tasks, by way of the OpenTelemetry API that Deno puts in place when it is told `OTEL_DENO=true`, or
 * that a program has set up with a package of its own. Nothing is imported for it: the API is found under the
 * symbol that all its versions of one major number agree on. Where it is missing, a look at that is all it costs.
 */
const API = Symbol.for("opentelemetry.js.api.1");

/** Under this a context keeps its span. */
const SPAN = Symbol.for("OpenTelemetry Context Key SPAN");

const PRODUCER = 3;
const CONSUMER = 4;
const ERROR = 2;

/** As much of the API as is used here. */
interface Api {
  readonly trace?: { getTracer(name: string): Tracer } | undefined;
  readonly context?: {
    active(): TraceContext;
    with<T>(context: TraceContext, run: () => T): T;
  } | undefined;
  readonly propagation?: {
    inject(context: TraceContext, carrier: Carrier, setter: { set: typeof setHeader }): void;
    extract(context: TraceContext, carrier: Carrier, getter: Getter): TraceContext;
  } | undefined;
}

/** A place in a trace. */
export interface TraceContext {
  setValue(key: symbol, value: unknown): TraceContext;
}

interface Tracer {
  startSpan(name: string, options: Record<string, unknown>, context: TraceContext): Span;
}

interface Span {
  setAttribute(name: string, value: string): void;
  setStatus(status: { code: number; message?: string }): void;
  end(): void;
}

type Carrier = { -readonly [Name in keyof TaskTrace]?: TaskTrace[Name] };

interface Getter {
  get(carrier: Carrier, name: string): string | undefined;
  keys(carrier: Carrier): string[];
}

/** What a span says of a task. */
interface SpanSubject {
  readonly id: string;
  readonly value: unknown;
}

/** A span of a task. */
export class TaskSpan {
  readonly #span: Span;
  readonly #contexts: NonNullable<Api["context"]>;
  readonly #context: TraceContext;

  constructor(span: Span, contexts: NonNullable<Api["context"]>, context: TraceContext) {
    this.#span = span;
    this.#contexts = contexts;
    this.#context = context.setValue(SPAN, span);
  }

  /** Runs a function so that its own spans are inside of this one. */
  within<T>(run: () => T): T {
    return this.#contexts.with(this.#context, run);
  }

  /** What a task takes along, so that whoever runs it goes on with the trace. */
  get trace(): TaskTrace | undefined {
    const carrier: Carrier = {};
    findApi()?.propagation?.inject(this.#context, carrier, { set: setHeader });
    const { traceparent, tracestate } = carrier;
    if (traceparent === undefined) return undefined;
    return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
  }

  /** Notes that it has come to nothing. */
  fail(error: unknown): void {
    const { name, message } = (error ?? {}) as Partial<Error>;
    this.#span.setAttribute("error.type", name ?? typeof error);
    this.#span.setStatus({ code: ERROR, message: message ?? String(error) });
  }

  /** Ends it. */
  end(): void {
    this.#span.end();
  }
}

/**
 * Begins the span of a put; `undefined` when nobody traces.
 *
 * @param context Where the one is who asked for it, when that is not the running code.
 */
export function startPut(task: SpanSubject, context?: TraceContext): TaskSpan | undefined {
  const api = findApi();
  if (api === undefined) return undefined;
  return start(api, task, { operation: "put", type: "send", kind: PRODUCER, context });
}

/** The target of a call, and who calls it: what is put for it may have to wait until there is room. */
class CalledTarget {
  readonly name: string;
  readonly target: unknown;
  readonly caller: TraceContext;

  constructor(name: string, target: unknown, caller: TraceContext) {
    this.name = name;
    this.target = target;
    this.caller = caller;
  }
}

/** Makes what keeps the callers of a pool, while somebody traces. */
export function createCallerBinding(): (target: unknown) => unknown {
  let last: CalledTarget | undefined;
  return (target) => {
    const api = findApi();
    if (api === undefined || target instanceof CalledTarget) return target;
    const { name } = (target ?? {}) as { name?: unknown };
    // What is no target is refused as it is.
    if (typeof name !== "string" || name === "") return target;
    const caller = api.context.active();
    // Calls of one caller are handed out together.
    if (last !== undefined && last.target === target && last.caller === caller) return last;
    return last = new CalledTarget(name, target, caller);
  };
}

/** Who has called a target; `undefined` when nobody traces. */
export function callerOf(target: unknown): TraceContext | undefined {
  return target instanceof CalledTarget ? target.caller : undefined;
}

/** Begins the span of an attempt at a task, in the trace of the put; `undefined` when nobody traces. */
export function startRun(
  lease: SpanSubject & { readonly attempt: number; readonly trace?: TaskTrace | undefined },
): TaskSpan | undefined {
  const api = findApi();
  if (api === undefined) return undefined;
  const { attempt, trace } = lease;
  const context = api.context.active();
  return start(api, lease, {
    operation: "run",
    type: "process",
    kind: CONSUMER,
    attempt,
    context: trace === undefined
      ? context
      : api.propagation?.extract(context, { ...trace }, GETTER) ?? context,
  });
}

const spans = new WeakMap<object, TaskSpan>();

/** Has an attempt be found by its lease. */
export function keepSpan(lease: object, span: TaskSpan): void {
  spans.set(lease, span);
}

/** What the functions of an attempt take along that run in other threads and processes. */
export function traceOf(lease: object): TaskTrace | undefined {
  return findApi() === undefined ? undefined : spans.get(lease)?.trace;
}

/** Whether somebody traces. */
export function isTraced(): boolean {
  return findApi() !== undefined;
}

/** Runs a function in the span of an attempt, if it has one. */
export function withinSpan<T>(lease: object, run: () => T): T {
  const span = findApi() === undefined ? undefined : spans.get(lease);
  return span === undefined ? run() : span.within(run);
}

/** Notes in the span of an attempt, if it has one, that it has come to nothing. */
export function failSpan(lease: object, error: unknown): void {
  if (findApi() !== undefined) spans.get(lease)?.fail(error);
}

function findApi(): Api & Required<Pick<Api, "trace" | "context">> | undefined {
  const api = (globalThis as unknown as Record<symbol, Api | undefined>)[API];
  if (api?.trace === undefined || api.context === undefined) return undefined;
  return api as ReturnType<typeof findApi>;
}

function start(
  api: NonNullable<ReturnType<typeof findApi>>,
  { id, value }: SpanSubject,
  options: {
    readonly operation: "put" | "run";
    readonly type: "send" | "process";
    readonly kind: number;
    readonly attempt?: number | undefined;
    readonly context?: TraceContext | undefined;
  },
): TaskSpan {
  const { operation, type, kind, attempt, context = api.context!.active() } = options;
  const name = calledBy(value);
  const attributes: Record<string, string | number> = {
    "messaging.system": "manyhands",
    "messaging.operation.name": operation,
    "messaging.operation.type": type,
    "messaging.message.id": id,
  };
  if (name !== undefined) attributes["manyhands.task.function"] = name;
  if (attempt !== undefined) attributes["manyhands.task.attempt"] = attempt;
  const span = api.trace!.getTracer("@manyhands/concurrency")
    .startSpan(`${operation} ${name ?? "task"}`, { kind, attributes }, context);
  return new TaskSpan(span, api.context!, context);
}

/** The function that a task calls, when it says so. */
function calledBy(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { name, args, items } = value as { name?: unknown; args?: unknown; items?: unknown };
  return typeof name === "string" && (Array.isArray(args) || Array.isArray(items))
    ? name
    : undefined;
}

const HEADERS = ["traceparent", "tracestate"] as const;

/** Other headers, such as baggage, are not the task's. */
function setHeader(carrier: Carrier, name: string, value: string): void {
  const header = HEADERS.find((each) => each === name);
  if (header !== undefined) carrier[header] = value;
}

const GETTER: Getter = {
  get: (carrier, name) => carrier[name as keyof TaskTrace],
  keys: (carrier) => Object.keys(carrier),
};

/** The longest header that is kept. */
const MOST_CHARACTERS = 512;

/** The trace of a task that came from elsewhere; `undefined` when there is none that can be used. */
export function readTrace(trace: unknown): TaskTrace | undefined {
  const { traceparent, tracestate } = (trace ?? {}) as Record<string, unknown>;
  if (!isHeader(traceparent)) return undefined;
  return isHeader(tracestate) ? { traceparent, tracestate } : { traceparent };
}

function isHeader(value: unknown): value is string {
  return typeof value === "string" && value.length <= MOST_CHARACTERS;
}
