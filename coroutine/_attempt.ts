import { currentFrame, currentValues, runInFrame, type Values } from "./_frame.ts";

/**
 * Which attempt at a task of a queue the running code is. It is kept among the context variables, and is the only
 * one that goes along to the threads and processes of a pool. No `ContextVar`: workers would load its module for
 * nothing.
 */
const ATTEMPT: object = {};

const NO_VALUES: Values = { map: new Map() };

/** The attempt among context variables; 0 when there is none. */
export function attemptIn({ map }: Values): number {
  return map.size === 0 ? 0 : (map.get(ATTEMPT) as number | undefined) ?? 0;
}

/** Context variables with nothing but an attempt. */
export function valuesOfAttempt(attempt: number): Values {
  return attempt === 0 ? NO_VALUES : { map: new Map([[ATTEMPT, attempt]]) };
}

/** The attempt that the running code is a part of; 0 when it is none. */
export function currentAttempt(): number {
  return attemptIn(currentValues());
}

/** Runs a function, all that it awaits and all calls of pools that it makes, as a part of an attempt. */
export function runAttempt<R>(attempt: number, run: () => R): R {
  const frame = currentFrame();
  const values = { map: new Map(currentValues().map).set(ATTEMPT, attempt) };
  return runInFrame({ scope: frame?.scope, report: frame?.report, values }, run);
}
