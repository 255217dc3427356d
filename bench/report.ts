/**
 * What a run says: one line of text for each comparison, and the same data as JSON.
 *
 * @module
 */

import type { Environment } from "./environment.ts";
import type { Comparison, Scenario } from "./harness.ts";

/** The convention of the whole table, printed under it. */
export const RATIO_CONVENTION: string =
  "ratio: how many times faster ours is than the peer (the peer's time / our time, each for one " +
  "operation), median [minimum, maximum] over the rounds; the goal is met when the median is at " +
  "least the goal";

/** Everything that a run measured, as it is written to a JSON file. */
export interface Report extends Environment {
  /** When the run began, as ISO 8601 in UTC. */
  readonly date: string;
  /** What a ratio means. */
  readonly convention: string;
  /** How many timed rounds each contestant ran. */
  readonly rounds: number;
  /** One for each scenario and peer, with all samples. */
  readonly comparisons: readonly Comparison[];
}

/** The widths of the two columns whose texts come from the scenarios. */
interface Widths {
  readonly scenario: number;
  readonly peer: number;
}

/** Formats the table's lines so that its columns stand under each other. */
export class Table {
  readonly #widths: Widths;

  /**
   * Makes the columns wide enough.
   *
   * @param scenarios All that will be printed; their longest names give the widths.
   */
  constructor(scenarios: readonly Scenario[]) {
    const peers = scenarios.flatMap((scenario) => scenario.peers.map((peer) => peer.name));
    this.#widths = {
      scenario: longest(["scenario", ...scenarios.map((scenario) => scenario.name)]),
      peer: longest(["peer", ...peers]),
    };
  }

  /**
   * The line above the others.
   *
   * @returns One line without its end.
   */
  header(): string {
    return this.#line("scenario", "peer", [
      "ours".padStart(9),
      "peer".padStart(9),
      "ratio [min, max]".padStart(26),
      "goal".padStart(8),
      "result",
    ]);
  }

  /**
   * The line of one comparison.
   *
   * @param comparison What to say.
   * @returns One line without its end.
   */
  row(comparison: Comparison): string {
    const { scenario, peer, goal, verdict, why, ratio, ourSeconds, peerSeconds } = comparison;
    if (ratio === undefined || ourSeconds === undefined || peerSeconds === undefined) {
      return this.#line(scenario, peer, [`${verdict}: ${oneLine(why ?? "no reason given")}`]);
    }
    const range = `[${formatRatio(ratio.minimum)}, ${formatRatio(ratio.maximum)}]`;
    return this.#line(scenario, peer, [
      formatSeconds(ourSeconds.median).padStart(9),
      formatSeconds(peerSeconds.median).padStart(9),
      `${formatRatio(ratio.median)} ${range}`.padStart(26),
      `≥ ${formatRatio(goal)}`.padStart(8),
      verdict,
    ]);
  }

  #line(scenario: string, peer: string, rest: readonly string[]): string {
    const { scenario: first, peer: second } = this.#widths;
    return [scenario.padEnd(first), peer.padEnd(second), ...rest].join("  ");
  }
}

/**
 * A ratio with three digits: `0.77×`, `12.5×`, `104×`; with two when it is small: `0.0012×`.
 *
 * @param ratio How many times faster.
 * @returns The text.
 */
export function formatRatio(ratio: number): string {
  // What is far behind is told as well as what is far ahead.
  return `${ratio > 0 && ratio < 0.095 ? ratio.toPrecision(2) : threeDigits(ratio)}×`;
}

/**
 * A duration with three digits in the unit that fits it: `85.0 ns`, `1.20 µs`, `33.0 ms`.
 *
 * @param seconds The duration, in seconds.
 * @returns The text.
 */
export function formatSeconds(seconds: number): string {
  const units = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]] as const;
  for (const [size, unit] of units) {
    if (seconds >= size) return `${threeDigits(seconds / size)} ${unit}`;
  }
  return `${threeDigits(seconds * 1e9)} ns`;
}

function threeDigits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function longest(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => text.length));
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " | ");
}
