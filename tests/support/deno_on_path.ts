import { basename, delimiter, dirname } from "node:path";

/**
 * An environment in which the name `deno` means the program that runs the tests, also where the
 * PATH has another one first, as under `npx`.
 */
export function withDenoOnPath(
  env: Readonly<Record<string, string>> = {},
  executable: string = Deno.execPath(),
): Record<string, string> {
  if (!/^deno(\.exe)?$/i.test(basename(executable))) return { ...env };
  const path = env.PATH ?? Deno.env.get("PATH") ?? "";
  return { ...env, PATH: [dirname(executable), path].filter(Boolean).join(delimiter) };
}
