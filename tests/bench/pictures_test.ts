import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { drawReport, roomOfScenario } from "../../bench/pictures/plot.ts";
import { element, writeElement } from "../../bench/pictures/svg.ts";
import {
  drawRecording,
  followLines,
  type Recording,
  Terminal,
} from "../../bench/pictures/terminal.ts";
import type { Comparison } from "../../bench/harness.ts";
import type { Report } from "../../bench/report.ts";
import { scenarios } from "../../bench/scenarios.ts";

const PICTURES = new URL("../../docs/pictures/", import.meta.url);

// Elements

Deno.test("writeElement() writes attributes and texts so that nobody can break out of them", () => {
  assertEquals(writeElement(element("g", { x: 1 / 3, class: undefined }), ""), '<g x="0.33"/>');
  assertEquals(
    writeElement(element("text", { class: '"><b' }, ["a < b & c > d\x1b"]), " "),
    ' <text class="&quot;&gt;&lt;b">a &lt; b &amp; c &gt; d\ufffd</text>',
  );
  assertEquals(
    writeElement(element("g", {}, [element("b"), element("text", {}, ["a", element("c")])]), ""),
    "<g>\n <b/>\n <text>a<c/></text>\n</g>",
  );
});

// The plot

function compare(scenario: string, peer: string, median: number | undefined): Comparison {
  const ratio = median === undefined
    ? undefined
    : { median, minimum: median / 2, maximum: median * 2 };
  const verdict = ratio === undefined ? "skipped" : "met";
  return { scenario, peer, goal: 1, verdict, ratio, ourRounds: [], peerRounds: [] };
}

const REPORT: Report = {
  date: "2026-01-02T03:04:05.000Z",
  machine: { cpu: "A <fast> one", cores: 2, os: "linux", memoryBytes: 1 },
  versions: { deno: "2.9.6" },
  git: { commit: "0123456789abcdef", dirty: false },
  convention: "",
  rounds: 5,
  comparisons: [
    compare("manager call", "CPython manager", 0.5),
    compare("queue seq", "p-queue", 40),
    compare("queue seq", "asyncio.Queue", 4),
    compare("lock uncontended", "async-mutex", undefined),
  ],
};

Deno.test("roomOfScenario() knows the room of every scenario", () => {
  const rooms = new Map(scenarios.map(({ name }) => [name, roomOfScenario(name)]));
  assertEquals([...rooms].filter(([, room]) => room === undefined), []);
  assertEquals(rooms.get("process start"), "process");
  assertEquals(rooms.get("process queue"), "ipc");
  assertEquals(roomOfScenario("something else"), undefined);
});

Deno.test("drawReport() draws a bar for each comparison, by room, and tells it as text", () => {
  const picture = drawReport(REPORT);
  assertEquals(drawReport(REPORT), picture);
  assertEquals(picture.match(/class="faster"/g)?.length, 2);
  assertEquals(picture.match(/class="slower"/g)?.length, 1);
  assert(picture.indexOf(">coroutine<") < picture.indexOf(">distributed<"));
  assert(!picture.includes("async-mutex"));
  assertStringIncludes(picture, "<title>queue seq: 40.0× of p-queue (20.0× to 80.0×)</title>");
  assertMatch(picture, /role="img" aria-labelledby="title description"/);
  assertMatch(
    picture,
    /<desc id="description">3 comparisons on 2 processors of A &lt;fast&gt; one;/,
  );
  assertMatch(picture, /@media \(prefers-color-scheme: dark\)/);
  assertMatch(picture, /2026-01-02, Deno 2\.9\.6, .*, commit 0123456</);
  // The bar of what is slower goes to the left of the line of what is even.
  const even = Number(/class="even" x1="([\d.]+)"/.exec(picture)![1]);
  const [, x, width] = /class="slower" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/.exec(picture)!;
  assert(Number(x) < even && Math.abs(Number(x) + Number(width) - even) < 0.02);
});

Deno.test("drawReport() draws a report without a measured ratio", () => {
  assertMatch(drawReport({ ...REPORT, comparisons: [] }), /0 comparisons/);
});

// The terminal

function linesAfter(...texts: string[]): readonly string[] {
  const terminal = new Terminal(10);
  for (const text of texts) terminal.write(text);
  return terminal.lines;
}

Deno.test("Terminal understands what programs here write to one", () => {
  assertEquals(linesAfter("one\ntwo\n"), ["one", "two", ""]);
  assertEquals(linesAfter("one\r\ntwo"), ["one", "two"]);
  assertEquals(linesAfter("long line\rshort"), ["shortline"]);
  assertEquals(linesAfter("long line\r\x1b[K", "new"), ["new"]);
  assertEquals(linesAfter("\x1b[?25lold\nold\x1b[H\x1b[2J\x1b[1mnew\x1b[0m\x1b[?25h"), ["new"]);
  assertEquals(linesAfter("as long as this"), ["as long as"]);
  assertThrows(() => linesAfter("\x1b[3A"), RangeError, 'it is steered by "3A"');
});

const RECORDING: Recording = {
  command: "count",
  description: "It counts.",
  columns: 20,
  chunks: [[0, "Counting\n"], [100, "1"], [200, "\r2"], [20_000, "\rdone\n"]],
};

Deno.test("followLines() tells which line was where from when to when", () => {
  assertEquals(followLines(RECORDING), [
    { row: 0, text: "Counting", fromMs: 0, toMs: undefined },
    { row: 1, text: "1", fromMs: 100, toMs: 200 },
    { row: 1, text: "2", fromMs: 200, toMs: 20_000 },
    { row: 1, text: "done", fromMs: 20_000, toMs: undefined },
  ]);
});

Deno.test("drawRecording() shows the end, and before it what was there meanwhile, in five seconds", () => {
  const picture = drawRecording(RECORDING);
  assertEquals(drawRecording(RECORDING), picture);
  const shown = [...picture.matchAll(/<text ([^>]*)>([^<]*)(?:<set ([^>]*)\/>)?<\/text>/g)]
    .map(([, attributes, text, set]) => [text, /visibility="hidden"/.test(attributes!), set]);
  assertEquals(shown, [
    ["$ count", false, undefined],
    ["Counting", false, undefined],
    ["1", true, 'attributeName="visibility" to="visible" begin="0.025s" end="0.05s"'],
    ["2", true, 'attributeName="visibility" to="visible" begin="0.05s" end="5s"'],
    ["done", false, 'attributeName="visibility" to="hidden" begin="0s" end="5s"'],
  ]);
  assertStringIncludes(picture, '<desc id="description">It counts.</desc>');
});

// What is in the documents

for (
  const [name, draw] of [["bench", drawReport], ["demo", drawRecording], [
    "top",
    drawRecording,
  ]] as const
) {
  Deno.test(`docs/pictures/${name}.svg is what its data gives`, async () => {
    const read = (file: string) =>
      Deno.readTextFile(new URL(file, PICTURES)).catch((error) => {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      });
    const [data, picture] = await Promise.all([read(`${name}.json`), read(`${name}.svg`)]);
    // Both or none: otherwise "deno task pictures" was forgotten.
    assertEquals(picture, data === undefined ? undefined : draw(JSON.parse(data) as never));
  });
}
