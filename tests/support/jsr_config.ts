/**
 * Writes `deno.jsr.json`: the project's `deno.json` without the local stand-ins, so that
 * `deno test --config deno.jsr.json` takes the `@std` packages from JSR, as users do.
 *
 * @module
 */

const PROJECT_ROOT = new URL("../../", import.meta.url);

/** The text of a configuration without its workspace. */
export function withoutStandIns(text: string): string {
  const { workspace: _standIns, ...config } = JSON.parse(text);
  return `${JSON.stringify(config, null, 2)}\n`;
}

if (import.meta.main) {
  const text = await Deno.readTextFile(new URL("deno.json", PROJECT_ROOT));
  await Deno.writeTextFile(new URL("deno.jsr.json", PROJECT_ROOT), withoutStandIns(text));
}
