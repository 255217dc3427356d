import { currentFrame, currentValues, runInFrame, type Values } from "./_frame.ts";

/**
 * Which attempt at a task of a queue the running code is. It is kept among the context variables, and goes along to the threads and processes of a pool. No `ContextVar`: workers would load its module for
 * nothing.
 */
const ATTEMPT: object = {};

/** The trace that the running code goes on with, in the headers of W3C Trace Context. It goes along as well. */
const TRACE: object = {};

/** Where in a trace something is. */
export interface Trace {
  readonly traceparent: string;
  readonly tracestate?: string | undefined;
}

const NO_VALUES: Values = { map: new Map() };

/** The attempt among context variables; 0 when there is none. */
export function attemptIn({ map }: Values): number {
  return map.size === 0 ? 0 : (map.get(ATTEMPT) as number | undefined) ?? 0;
}

/** The trace of an attempt among context variables. */
export function traceIn({ map }: Values): Trace | undefined {
  return map.size === 0 ? undefined : map.get(TRACE) as Trace | undefined;
}

/** Context variables with nothing but an attempt. */
export function valuesOfAttempt(attempt: number, trace?: Trace): Values {
  if (attempt === 0) return NO_VALUES;
  const map = new Map<object, unknown>([[ATTEMPT, attempt]]);
  if (trace !== undefined) map.set(TRACE, trace);
  return { map };
}

/** The attempt that the running code is a part of; 0 when it is none. */
export function currentAttempt(): number {
  return attemptIn(currentValues());
}

/**
 * Runs a function, all that it awaits and all calls of pools that it makes, as a part of an attempt.
 *
 * @param trace What the threads and processes of pools are to go on with.
 */
export function runAttempt<R>(attempt: number, run: () => R, trace?: Trace): R {
  const frame = currentFrame();
  const map = new Map(currentValues().map).set(ATTEMPT, attempt);
  if (trace === undefined) map.delete(TRACE);
  else map.set(TRACE, trace);
  return runInFrame({ scope: frame?.scope, report: frame?.report, values: { map } }, run);
}

/** As much of the OpenTelemetry API as is needed to go on with a trace. */
interface TracingApi {
  readonly context?: {
    active(): unknown;
    with<R>(context: unknown, run: () => R): R;
  } | undefined;
  readonly propagation?: {
    extract(context: unknown, carrier: Trace, getter: typeof GETTER): unknown;
  } | undefined;
}

const API = Symbol.for("opentelemetry.js.api.1");
const GETTER = {
  get: (trace: Trace, name: string) => trace[name as keyof Trace],
  keys: (trace: Trace) => Object.keys(trace),
};

/** Runs a function so that the spans that it makes go on with the trace among context variables, if there is one. */
export function runInTrace(values: Values, run: () => void): void {
  const trace = traceIn(values);
  if (trace === undefined) return run();
  const { context, propagation } =
    (globalThis as unknown as Record<symbol, TracingApi | undefined>)[API] ?? {};
  if (context === undefined || propagation === undefined) return run();
  context.with(propagation.extract(context.active(), trace, GETTER), run);
}
