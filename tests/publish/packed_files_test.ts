import { assertEquals } from "@std/assert";
import { packProject } from "../support/jsr_registry.ts";

const PROJECT_ROOT = new URL("../../", import.meta.url);

Deno.test("deno publish packs the files that the tests' own registry serves", async () => {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd: PROJECT_ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  const packed = [...output.matchAll(/^ +(file:\S+) \([\d.]+\w+\)$/gm)]
    .map(([, url = ""]) => `/${url.slice(PROJECT_ROOT.href.length)}`);
  const [project] = await packProject();
  assertEquals(packed.filter((path) => /^\/(tests|bench|examples|docs|\.)/.test(path)), []);
  assertEquals(packed.sort(), [...project?.files.keys() ?? []].sort(), output);
});
