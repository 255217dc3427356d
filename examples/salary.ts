// deno run --allow-run=deno --allow-net=127.0.0.1 --allow-read --allow-write examples/salary.ts -c config.json -d users.csv -o result.csv

// A salary calculator in three processes that two queues join: one reads users and their gross salaries, one
// computes social insurance and income tax, one writes the result. Each may do only its own part: of the
// three only the reader can read the data, and only the writer can write.
//
// users.csv has a line `id,gross` for each user. config.json is as the interface Config below. Bad rows are reported
// and skipped, and the exit code is 1 then.

import { parseArgs } from "node:util";
import { Queue } from "@manyhands/concurrency/ipc";
import { Process } from "@manyhands/concurrency/process";

/** The configuration file. Amounts and rates are text, as "2193.00" and "0.08": fractions would be rounded. */
interface Config {
  /** Contributions are taken from the salary, but from no less than `low` and no more than `high`. */
  insurance: { low: string; high: string; rates: Record<string, string> };
  /** Of what is left, what lies above the allowance is taxed, each part by the rate of its bracket. */
  tax: { allowance: string; brackets: { above: string; rate: string }[] };
}

/** A user and a gross salary in cents. */
interface Row {
  id: string;
  gross: number;
}

/** What comes of it, in cents. */
interface Result extends Row {
  insurance: number;
  tax: number;
  net: number;
}

/** Rates are counted in millionths. */
const RATE_UNIT = 1_000_000n;

/** Puts the good rows into the queue, then `null`; says how many were bad. */
export async function readRows(file: string, rows: Queue<Row | null>): Promise<number> {
  let bad = 0;
  const text = await Deno.readTextFile(file);
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const row = parseRow(line);
    if (row !== undefined) {
      await rows.put(row);
      continue;
    }
    console.error(`Line ${i + 1} is skipped: expected "id,gross", got ${JSON.stringify(line)}`);
    bad++;
  }
  await rows.put(null);
  return bad;
}

/** Computes a result for each row, in the same order. */
export async function calculate(
  config: Config,
  rows: Queue<Row | null>,
  results: Queue<Result | null>,
): Promise<void> {
  for (;;) {
    const row = await rows.get();
    if (row === null) return await results.put(null);
    await results.put(payOf(row, config));
  }
}

/** Writes a line for each result. */
export async function writeResults(file: string, results: Queue<Result | null>): Promise<void> {
  using output = await Deno.open(file, { write: true, create: true, truncate: true });
  const writer = output.writable.getWriter();
  const encoder = new TextEncoder();
  for (let result = await results.get(); result !== null; result = await results.get()) {
    const { id, gross, insurance, tax, net } = result;
    const amounts = [gross, insurance, tax, net].map(formatCents);
    await writer.write(encoder.encode(`${[id, ...amounts].join(",")}\n`));
  }
  await writer.close();
}

/** What is left of a gross salary. */
export function payOf({ id, gross }: Row, config: Config): Result {
  const { low, high, rates } = config.insurance;
  const base = Math.min(Math.max(gross, readCents(low)), readCents(high));
  const rate = Object.values(rates).reduce((sum, text) => sum + readRate(text), 0n);
  const insurance = gross === 0 ? 0 : roundToCents(BigInt(base) * rate);

  const { allowance, brackets } = config.tax;
  const taxable = gross - insurance - readCents(allowance);
  let tax = 0n;
  for (const [i, bracket] of brackets.entries()) {
    const from = readCents(bracket.above);
    const next = brackets[i + 1];
    const to = next === undefined ? taxable : Math.min(taxable, readCents(next.above));
    if (to > from) tax += BigInt(to - from) * readRate(bracket.rate);
  }
  const taxCents = roundToCents(tax);
  return { id, gross, insurance, tax: taxCents, net: gross - insurance - taxCents };
}

function parseRow(line: string): Row | undefined {
  const [id, gross, ...more] = line.split(",").map((field) => field.trim());
  if (!id || gross === undefined || more.length > 0 || !/^\d{1,12}(\.\d{1,2})?$/.test(gross)) {
    return undefined;
  }
  return { id, gross: readCents(gross) };
}

function readCents(text: string): number {
  const [whole, fraction = ""] = text.split(".");
  return Number(whole) * 100 + Number(fraction.padEnd(2, "0"));
}

function readRate(text: string): bigint {
  const [whole, fraction = ""] = text.split(".");
  return BigInt(whole!) * RATE_UNIT + BigInt(fraction.padEnd(6, "0"));
}

/** From millionths of cents, half a cent upwards. */
function roundToCents(millionths: bigint): number {
  return Number((millionths + RATE_UNIT / 2n) / RATE_UNIT);
}

function formatCents(cents: number): string {
  const size = Math.abs(cents);
  const text = `${Math.floor(size / 100)}.${String(size % 100).padStart(2, "0")}`;
  return cents < 0 ? `-${text}` : text;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      config: { type: "string", short: "c", default: "config.json" },
      data: { type: "string", short: "d", default: "users.csv" },
      output: { type: "string", short: "o", default: "result.csv" },
    },
  });
  const { config: configFile, data, output } = values;
  const config: Config = JSON.parse(await Deno.readTextFile(configFile));
  const module = import.meta.url;

  await using rows = new Queue<Row | null>(100);
  await using results = new Queue<Result | null>(100);
  await using reader = new Process({
    module,
    target: readRows,
    args: [data, rows],
    permissions: { read: [data] },
  });
  await using calculator = new Process({
    module,
    target: calculate,
    args: [config, rows, results],
  });
  await using writer = new Process({
    module,
    target: writeResults,
    args: [output, results],
    permissions: { write: [output] },
  });
  await Promise.all([reader, calculator, writer].map((process) => process.start()));
  // The first one that fails ends the program, and with it the others, which would wait for ever.
  const [bad] = await Promise.all([reader.result(), calculator.result(), writer.result()]);
  await Promise.all([reader, calculator, writer].map((process) => process.join()));
  if (bad > 0) {
    console.error(`${bad} rows were bad`);
    Deno.exitCode = 1;
  }
}
