/**
 * Draws what the benchmarks measured: a bar for each peer, by how many times ours is faster.
 *
 * @module
 */

import type { Comparison, Statistics } from "../harness.ts";
import { formatRatio, type Report } from "../report.ts";
import { type Content, type Element, element, writePicture } from "./svg.ts";

const ROOMS = ["coroutine", "thread", "process", "ipc", "distributed"] as const;

/** The room of a scenario, by the words that its name begins with; the first that fits counts. */
const ROOM_OF_WORDS: readonly (readonly [words: string, room: typeof ROOMS[number]])[] = [
  ["coroutine", "coroutine"],
  ["queue", "coroutine"],
  ["task spawn", "coroutine"],
  ["lock", "coroutine"],
  ["pool instant", "coroutine"],
  ["thread", "thread"],
  ["process start", "process"],
  ["pool", "process"],
  ["subprocess", "process"],
  ["process", "ipc"],
  ["shared", "ipc"],
  ["pipe", "ipc"],
  ["connection", "ipc"],
  ["manager", "distributed"],
  ["engine", "distributed"],
  ["rpc", "distributed"],
  ["task queue", "distributed"],
  ["pickle", "distributed"],
];

const WIDTH = 880;
const LABELS = 350;
const FIGURES = 90;
const PLOT = WIDTH - LABELS - FIGURES;
const TOP = 64;
const ROW = 18;
const BAR = 11;
const GROUP = 34;
const BOTTOM = 56;

const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.heading { font-size: 16px; font-weight: 600; }
.room { font-size: 13px; font-weight: 600; }
.peer, .axis, .note { fill: #59636e; }
.grid { stroke: #d1d9e0; }
.even { stroke: #59636e; }
.faster { fill: #1a7f6e; }
.slower { fill: #b35900; }
.range { stroke: #1f2328; stroke-opacity: 0.45; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .peer, .axis, .note { fill: #9198a1; }
  .grid { stroke: #3d444d; }
  .even { stroke: #9198a1; }
  .faster { fill: #3fb9a2; }
  .slower { fill: #e08a3c; }
  .range { stroke: #e6edf3; }
}
`;

/** A comparison that was measured. */
interface Measured extends Comparison {
  readonly ratio: Statistics;
}

/**
 * The room that a scenario is about.
 *
 * @param scenario Its name.
 * @returns The room, or `undefined` when its first words are not known.
 */
export function roomOfScenario(scenario: string): string | undefined {
  return ROOM_OF_WORDS.find(([words]) => scenario === words || scenario.startsWith(`${words} `))
    ?.[1];
}

/**
 * Draws a report. The picture is readable on light and on dark ground, and tells its figures as texts as well.
 *
 * @param report What `deno task bench --json FILE` has written.
 * @returns The text of an SVG file; the same for the same report.
 */
export function drawReport(report: Report): string {
  const measured = report.comparisons.filter((each): each is Measured => each.ratio !== undefined);
  const scale = new Scale(measured);
  const contents: Content[] = [];
  let y = TOP;
  for (const room of [...ROOMS, undefined]) {
    const rows = measured.filter(({ scenario }) => roomOfScenario(scenario) === room);
    if (rows.length === 0) continue;
    y += GROUP;
    contents.push(text(0, y - 10, room ?? "others", "room"));
    let last = "";
    for (const row of rows) {
      contents.push(drawRow(row, y, scale, row.scenario !== last));
      last = row.scenario;
      y += ROW;
    }
  }
  const height = y + BOTTOM;
  const { date, machine, versions, git } = report;
  const commit = git.commit === null ? "" : `, commit ${git.commit.slice(0, 7)}`;
  const faster = measured.filter(({ ratio }) => ratio.median >= 1).length;
  const description =
    `${measured.length} comparisons on ${machine.cores} processors of ${machine.cpu}; ` +
    `ours is as fast or faster in ${faster} of them. ${measured.map(tell).join(". ")}.`;
  return writePicture({ width: WIDTH, height }, {
    title: "How many times faster than what one would use instead",
    description,
    style: STYLE,
  }, [
    text(0, 20, "How many times faster than what one would use instead", "heading"),
    text(
      0,
      40,
      "Each bar: the peer's time divided by ours, median of the rounds; the line in it",
      "note",
    ),
    text(0, 55, "goes from the smallest to the largest. The axis is logarithmic.", "note"),
    ...scale.drawGrid(TOP + 12, y + 4),
    ...contents,
    text(
      0,
      height - 8,
      `${date.slice(0, 10)}, Deno ${versions.deno}, ${machine.cores} × ${machine.cpu}${commit}`,
      "note",
    ),
  ]);
}

function drawRow(row: Measured, y: number, scale: Scale, isFirst: boolean): Element {
  const { scenario, peer, ratio } = row;
  const [even, end] = [scale.x(1), scale.x(ratio.median)];
  const middle = y + ROW / 2;
  const contents: Content[] = [element("title", {}, [tell(row)])];
  if (isFirst) contents.push(text(0, middle + 4, scenario, undefined));
  contents.push(
    text(LABELS - 10, middle + 4, peer, "peer", "end"),
    element("rect", {
      class: ratio.median >= 1 ? "faster" : "slower",
      x: Math.min(even, end),
      y: middle - BAR / 2,
      width: Math.max(1, Math.abs(end - even)),
      height: BAR,
    }),
    element("line", {
      class: "range",
      x1: scale.x(ratio.minimum),
      x2: scale.x(ratio.maximum),
      y1: middle,
      y2: middle,
    }),
    text(WIDTH, middle + 4, formatRatio(ratio.median), undefined, "end"),
  );
  return element("g", {}, contents);
}

function tell({ scenario, peer, ratio }: Measured): string {
  const { median, minimum, maximum } = ratio;
  return `${scenario}: ${formatRatio(median)} of ${peer} ` +
    `(${formatRatio(minimum)} to ${formatRatio(maximum)})`;
}

/** A logarithmic axis with whole powers of ten at its ends. */
class Scale {
  readonly #least: number;
  readonly #most: number;

  constructor(measured: readonly Measured[]) {
    const ratios = measured.map(({ ratio }) => ratio.median);
    this.#least = Math.min(-1, Math.floor(Math.log10(Math.min(1, ...ratios))));
    this.#most = Math.max(1, Math.ceil(Math.log10(Math.max(1, ...ratios))));
  }

  x(ratio: number): number {
    const at = (Math.log10(ratio) - this.#least) / (this.#most - this.#least);
    // A single round may be beyond what the medians are in.
    return LABELS + PLOT * Math.min(1, Math.max(0, at));
  }

  drawGrid(top: number, bottom: number): Content[] {
    const contents: Content[] = [];
    for (let power = this.#least; power <= this.#most; power++) {
      const x = this.x(10 ** power);
      contents.push(
        element("line", {
          class: power === 0 ? "even" : "grid",
          x1: x,
          x2: x,
          y1: top,
          y2: bottom,
        }),
        text(x, bottom + 16, power < 0 ? `1/${10 ** -power}` : `${10 ** power}×`, "axis", "middle"),
      );
    }
    return contents;
  }
}

function text(
  x: number,
  y: number,
  content: string,
  kind: string | undefined,
  anchor?: "end" | "middle",
): Element {
  return element("text", { class: kind, x, y, "text-anchor": anchor }, [content]);
}
