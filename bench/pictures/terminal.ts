/**
 * A terminal that remembers what was on it, and draws it.
 *
 * @module
 */

import { type Content, type Element, element, writePicture } from "./svg.ts";

/** What a program has written to a terminal, and when. */
export interface Recording {
  /** The command, as a user types it. */
  readonly command: string;
  /** What is to be seen, for those who cannot see it. */
  readonly description: string;
  /** How many characters fit into a line. */
  readonly columns: number;
  /** What was written, in order: milliseconds since the start, and the text. */
  readonly chunks: readonly (readonly [atMs: number, text: string])[];
}

/** A line that was on the terminal for some time. */
interface Stay {
  readonly row: number;
  readonly text: string;
  readonly fromMs: number;
  /** `undefined` for what is there at the end. */
  toMs: number | undefined;
}

const CHARACTER = 8.4;
const LINE = 20;
const MARGIN = 16;
const BAR = 30;
/** How long the picture moves, at most and in milliseconds; a longer recording is shown faster. */
const LONGEST_MS = 5_000;

// A terminal is dark in both worlds; only its edge is seen on dark ground.
const STYLE = `
text { font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d6deeb;
  white-space: pre; }
.ground { fill: #151b23; stroke: #3d444d; }
.command { fill: #7ee0c8; }
.dot { fill: #3d444d; }
`;

/** What a terminal understands of what is written to it, as far as programs here use it. */
export class Terminal {
  readonly #columns: number;
  readonly #stays: Stay[] = [];
  #lines: string[] = [""];
  #row = 0;
  #column = 0;

  /**
   * Makes an empty terminal.
   *
   * @param columns How many characters fit into a line; what is longer is cut off.
   */
  constructor(columns: number) {
    this.#columns = columns;
  }

  /** What is on it, line by line. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /**
   * Writes to it.
   *
   * @param text What is written, with what steers the terminal.
   * @throws {RangeError} When it is steered in a way that is not known here.
   */
  write(text: string): void {
    // deno-lint-ignore no-control-regex -- these steer a terminal
    for (const [token] of text.matchAll(/\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+/g)) {
      if (token === "\r") this.#column = 0;
      else if (token === "\n") this.#newLine();
      else if (token.startsWith("\x1b[")) this.#steer(token.slice(2));
      else this.#put(token);
    }
  }

  #steer(code: string): void {
    if (/^(\?25[lh]|[0-9;]*m)$/.test(code)) return;
    if (code === "K") {
      this.#lines[this.#row] = this.#lines[this.#row]!.slice(0, this.#column);
    } else if (code === "H") {
      [this.#row, this.#column] = [0, 0];
    } else if (code === "2J") {
      this.#lines = [""];
      [this.#row, this.#column] = [0, 0];
    } else {
      throw new RangeError(`Cannot draw the terminal: it is steered by "${code}"`);
    }
  }

  /** A terminal of a program that writes "\n" begins a line with it. */
  #newLine(): void {
    this.#row++;
    this.#column = 0;
    if (this.#row === this.#lines.length) this.#lines.push("");
  }

  #put(text: string): void {
    const line = [...this.#lines[this.#row]!.padEnd(this.#column)];
    for (const character of text) line[this.#column++] = character;
    this.#lines[this.#row] = line.slice(0, this.#columns).join("");
  }
}

/**
 * Draws a recording: it moves once, for a few seconds, and then shows the end, which is also what a viewer
 * shows that cannot move.
 *
 * @param recording What to draw.
 * @returns The text of an SVG file; the same for the same recording.
 */
export function drawRecording(recording: Recording): string {
  const { command, columns, description, chunks } = recording;
  const stays = followLines(recording);
  const wholeMs = chunks.at(-1)?.[0] ?? 0;
  const speed = Math.max(1, wholeMs / LONGEST_MS);
  const rows = Math.max(0, ...stays.map(({ row }) => row + 1)) + 1;
  const width = Math.ceil(columns * CHARACTER) + 2 * MARGIN;
  const height = BAR + rows * LINE + MARGIN;
  const dots = [0, 1, 2].map((n) =>
    element("circle", { class: "dot", cx: MARGIN + 4 + n * 16, cy: BAR / 2, r: 5 })
  );
  return writePicture({ width, height }, { title: `$ ${command}`, description, style: STYLE }, [
    element("rect", {
      class: "ground",
      x: 0.5,
      y: 0.5,
      width: width - 1,
      height: height - 1,
      rx: 8,
    }),
    ...dots,
    drawLine(0, `$ ${command}`, "command", []),
    ...stays.map((stay) => drawStay(stay, speed)),
  ]);
}

/** Which line was where from when to when; empty ones are left out. */
export function followLines({ columns, chunks }: Recording): readonly {
  readonly row: number;
  readonly text: string;
  readonly fromMs: number;
  readonly toMs: number | undefined;
}[] {
  const terminal = new Terminal(columns);
  const stays: Stay[] = [];
  const present = new Map<number, Stay>();
  for (const [atMs, text] of chunks) {
    terminal.write(text);
    const rows = Math.max(terminal.lines.length, ...[...present.keys()].map((row) => row + 1));
    for (let row = 0; row < rows; row++) {
      const line = (terminal.lines[row] ?? "").trimEnd();
      const before = present.get(row);
      if (before?.text === line) continue;
      if (before !== undefined) before.toMs = atMs;
      present.delete(row);
      if (line === "") continue;
      const stay: Stay = { row, text: line, fromMs: atMs, toMs: undefined };
      stays.push(stay);
      present.set(row, stay);
    }
  }
  // What was there for no time was not to be seen.
  return stays.filter(({ fromMs, toMs }) => toMs === undefined || toMs > fromMs);
}

function drawStay({ row, text, fromMs, toMs }: Stay, speed: number): Element {
  const seconds = (ms: number): string => `${Math.round(ms / speed) / 1000}s`;
  if (toMs !== undefined) {
    const shown = { attributeName: "visibility", to: "visible" };
    const set = element("set", { ...shown, begin: seconds(fromMs), end: seconds(toMs) });
    return drawLine(row + 1, text, undefined, [set], "hidden");
  }
  const hidden = { attributeName: "visibility", to: "hidden", begin: "0s" };
  const set = fromMs === 0 ? [] : [element("set", { ...hidden, end: seconds(fromMs) })];
  return drawLine(row + 1, text, undefined, set);
}

function drawLine(
  row: number,
  text: string,
  kind: string | undefined,
  moves: readonly Content[],
  visibility?: "hidden",
): Element {
  // The same width whatever fonts there are.
  const textLength = [...text].length * CHARACTER;
  return element("text", {
    class: kind,
    x: MARGIN,
    y: BAR + row * LINE + 14,
    textLength,
    lengthAdjust: "spacingAndGlyphs",
    "xml:space": "preserve",
    visibility,
  }, [text, ...moves]);
}
