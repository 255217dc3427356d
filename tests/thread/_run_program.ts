/** What a program printed, and how it ended. */
export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of `fixtures/programs.ts`, or another file of that folder, in a fresh process. */
export async function runProgram(
  name: string,
  options: { flags?: string[]; file?: string } = {},
): Promise<ProgramResult> {
  const { flags = ["--allow-all"], file = "programs.ts" } = options;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      ...flags,
      String(new URL(`fixtures/${file}`, import.meta.url)),
      name,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
