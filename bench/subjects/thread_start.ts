/** What the threads of the start benchmarks run: a note of when they came to their first statement. */

/** Writes down when it is called, in milliseconds on the clock that all threads share. */
export function noteTime(times: Float64Array<SharedArrayBuffer>): void {
  times[0] = performance.timeOrigin + performance.now();
}
