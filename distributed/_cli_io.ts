import type { CommandIo, Screen, Stop } from "./_cli_command.ts";
import { printable } from "./_cli_table.ts";

/** What ends a program in order. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/** The world around a program that was started. */
export function createIo(): CommandIo {
  return {
    print: (line) => console.log(line),
    complain: (line) => console.error(line.split("\n").map(printable).join("\n")),
    readInput: () => new Response(Deno.stdin.readable).text(),
    listen: listenForSignals,
    screen: Deno.stdout.isTerminal() ? createScreen() : undefined,
  };
}

function listenForSignals(): Stop {
  const inOrder = new AbortController();
  const atOnce = new AbortController();
  const onSignal = (): void => {
    if (inOrder.signal.aborted) atOnce.abort();
    else inOrder.abort();
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, onSignal);
  return {
    inOrder: inOrder.signal,
    atOnce: atOnce.signal,
    [Symbol.dispose]: () => {
      for (const signal of SIGNALS) Deno.removeSignalListener(signal, onSignal);
    },
  };
}

function createScreen(): Screen {
  const encoder = new TextEncoder();
  return {
    size: () => {
      const { columns, rows } = Deno.consoleSize();
      // A terminal that does not know its size says 0.
      return { columns: columns || 80, rows: rows || 24 };
    },
    write: (text) => {
      const bytes = encoder.encode(text);
      for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
    },
    keys: readKeys,
  };
}

async function* readKeys(signal: AbortSignal): AsyncGenerator<string> {
  if (!Deno.stdin.isTerminal()) return;
  Deno.stdin.setRaw(true);
  const { promise: aborted, resolve } = Promise.withResolvers<null>();
  const onAbort = () => resolve(null);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const buffer = new Uint8Array(64);
    while (!signal.aborted) {
      const length = await Promise.race([Deno.stdin.read(buffer), aborted]);
      if (length === null) return;
      yield* new TextDecoder().decode(buffer.subarray(0, length));
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    Deno.stdin.setRaw(false);
  }
}
