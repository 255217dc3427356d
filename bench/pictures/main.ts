/**
 * Draws the pictures of the documents from their data: `deno task pictures [--record]`.
 *
 * @module
 */

import { drawReport } from "./plot.ts";
import { drawRecording } from "./terminal.ts";

const FOLDER = new URL("../../docs/pictures/", import.meta.url);

const USAGE = `Usage: deno task pictures
       deno task pictures:record

Draws docs/pictures/NAME.svg from docs/pictures/NAME.json:

  bench   what "deno task bench --json docs/pictures/bench.json" has measured
  demo    the demo in a terminal, recorded by "deno task pictures:record"
  top     "manyhands top" in a terminal, recorded by it as well`;

// deno-lint-ignore no-explicit-any -- each reads what its own program has written
const DRAWERS: Readonly<Record<string, (data: any) => string>> = {
  bench: drawReport,
  demo: drawRecording,
  top: drawRecording,
};

/** Records the pictures that move. What it takes is loaded for this alone. */
async function record(): Promise<void> {
  const { recordDemo, recordTop } = await import("./record.ts");
  await Deno.mkdir(FOLDER, { recursive: true });
  for (const [name, recordOne] of Object.entries({ demo: recordDemo, top: recordTop })) {
    const recording = await recordOne();
    await Deno.writeTextFile(new URL(`${name}.json`, FOLDER), `${JSON.stringify(recording)}\n`);
    console.log(`docs/pictures/${name}.json`);
  }
}

async function draw(): Promise<void> {
  for (const [name, drawOne] of Object.entries(DRAWERS)) {
    let text: string;
    try {
      text = await Deno.readTextFile(new URL(`${name}.json`, FOLDER));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      console.log(`docs/pictures/${name}.svg is left as it is: there is no ${name}.json`);
      continue;
    }
    await Deno.writeTextFile(new URL(`${name}.svg`, FOLDER), drawOne(JSON.parse(text)));
    console.log(`docs/pictures/${name}.svg`);
  }
}

if (import.meta.main) {
  const [option, ...rest] = Deno.args;
  if (rest.length > 0 || (option !== undefined && option !== "--record")) {
    console.error(USAGE);
    Deno.exit(option === "--help" ? 0 : 2);
  }
  if (option === "--record") await record();
  await draw();
}
