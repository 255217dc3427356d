import { assertEquals } from "@std/assert";
import { payOf } from "../../examples/salary.ts";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest("examples/queue_simple.ts takes what the child has put", async () => {
  assertEquals(await runExample("queue_simple"), {
    code: 0,
    stdout: '[42,null,"hello"]\n',
    stderr: "",
  });
});

leakTest("examples/process_lock.ts prints ten whole lines", async () => {
  const { code, stdout, stderr } = await runExample("process_lock");
  assertEquals([code, stderr], [0, ""]);
  const expected = Array.from({ length: 10 }, (_, n) => `hello world ${n}`);
  assertEquals(stdout.trimEnd().split("\n").toSorted(), expected);
});

leakTest("examples/manager.ts has keys of three kinds, and ten ones", async () => {
  const { code, stdout, stderr } = await runExample("manager");
  assertEquals([code, stderr], [0, ""]);
  assertEquals(
    stdout.replaceAll(/\s+/g, " ").trim(),
    [
      'Map(4) { 1 => "1", "2" => 2, 0.25 => null, "visits" => 10 }',
      "[ 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 ]",
    ].join(" "),
  );
});

const CONFIG = {
  insurance: {
    low: "2193.00",
    high: "16446.00",
    rates: { pension: "0.08", health: "0.02", unemployment: "0.005", housing: "0.06" },
  },
  tax: {
    allowance: "5000.00",
    brackets: [
      { above: "0", rate: "0.03" },
      { above: "3000", rate: "0.10" },
      { above: "12000", rate: "0.20" },
      { above: "25000", rate: "0.25" },
    ],
  },
};

/** What is paid, computed by hand: gross, insurance, tax, net. */
const PAID = [
  // 16.5 % of 5000.00 is 825.00; nothing is left above the allowance.
  "101,5000.00,825.00,0.00,4175.00",
  // 16.5 % of 10000.00 is 1650.00; of 3350.00 3000.00 by 3 %, 350.00 by 10 %.
  "203,10000.00,1650.00,125.00,8225.00",
  // Of 16446.00 only: 2713.59. Of 32286.41: 90 + 900 + 2600 + 25 % of 7286.41, which is 1821.6025.
  "309,40000.00,2713.59,5411.60,31874.81",
  // From 2193.00 at least: 361.845, half a cent upwards.
  "7,1000.00,361.85,0.00,638.15",
  "8,0.00,0.00,0.00,0.00",
  // 16.5 % of 7000.01 is 1155.00165; 3 % of 845.01 is 25.3503.
  "9,7000.01,1155.00,25.35,5819.66",
];

async function runSalary(users: string): Promise<{ code: number; stderr: string; result: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const [config, data, output] = ["config.json", "users.csv", "result.csv"]
      .map((name) => `${folder}/${name}`) as [string, string, string];
    await Deno.writeTextFile(config, JSON.stringify(CONFIG));
    await Deno.writeTextFile(data, users);
    const args = ["-c", config, "-d", data, "-o", output];
    const { code, stderr } = await runExample("salary", { args });
    return { code, stderr, result: await Deno.readTextFile(output) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

leakTest("examples/salary.ts is right to the cent, in the order of its input", async () => {
  const users = PAID.map((line) => line.split(",").slice(0, 2).join(","));
  assertEquals(await runSalary(users.join("\n")), {
    code: 0,
    stderr: "",
    result: PAID.map((line) => `${line}\n`).join(""),
  });
});

leakTest("examples/salary.ts reports bad rows, skips them and exits with 1", async () => {
  const { code, stderr, result } = await runSalary(
    "101,5000.00\n\nno comma\n5,-3\n6,1e3\n203, 10000\r\n,5\n7,1,2\n8,5.123\n",
  );
  assertEquals(code, 1);
  assertEquals(result, `${PAID[0]}\n${PAID[1]}\n`);
  const lines = stderr.trimEnd().split("\n");
  assertEquals(lines.map((line) => /^Line (\d+) is skipped/.exec(line)?.[1]).slice(0, -1), [
    ...["3", "4", "5", "7", "8", "9"],
  ]);
  assertEquals(lines.at(-1), "6 rows were bad");
});

leakTest("examples/salary.ts keeps the order of a thousand rows", async () => {
  const rows = Array.from({ length: 1_000 }, (_, i) => ({ id: `u${i}`, gross: i * 7_310 }));
  const text = (cents: number) => (cents / 100).toFixed(2);
  const { code, result } = await runSalary(
    rows.map(({ id, gross }) => `${id},${text(gross)}`).join("\n"),
  );
  assertEquals(code, 0);
  const expected = rows.map((row) => {
    const { id, gross, insurance, tax, net } = payOf(row, CONFIG);
    return [id, ...[gross, insurance, tax, net].map(text)].join(",");
  });
  assertEquals(result.trimEnd().split("\n"), expected);
});
