/**
 * What the child of the scenario `process start` runs.
 *
 * @module
 */

/** Does nothing. */
export function noop(): void {}
