import { assertEquals, assertRejects } from "@std/assert";
import { encodeText, readTextFormat, TextReader } from "../../process/_text_codec.ts";
import { checkOutput, Popen } from "../../process/mod.ts";
import { bytes, sh, unixTest } from "./_programs.ts";

/** Decodes bytes in pieces of a size. */
function decodeBy(
  size: number,
  data: Uint8Array,
  ...format: Parameters<typeof readTextFormat>
): string {
  const reader = new TextReader(readTextFormat(...format));
  let text = "";
  for (let at = 0; at < data.length; at += size) {
    text += reader.decode(data.subarray(at, at + size), { isLast: false });
  }
  return text + reader.decode(new Uint8Array(), { isLast: true });
}

unixTest(
  "Popen with text makes every line end \\n [cpython: ProcessTestCase.test_universal_newlines_and_text, ProcessTestCase.test_universal_newlines_communicate]",
  async () => {
    const script = sh("printf 'line1\\nline2\\rline3\\r\\nline4\\r'");
    const expected = "line1\nline2\nline3\nline4\n";
    await using popen = new Popen(script, { stdout: "pipe", text: true });
    assertEquals((await popen.communicate())[0], expected);
    await using streaming = new Popen(script, { stdout: "pipe", text: true });
    const stream: ReadableStream<string> = streaming.stdout;
    assertEquals((await Array.fromAsync(stream)).join(""), expected);
    await using binary = new Popen(script, { stdout: "pipe", text: false });
    const [output]: [Uint8Array, undefined] = await binary.communicate();
    assertEquals(output, bytes("line1\nline2\rline3\r\nline4\r"));
  },
);

unixTest(
  "Popen with text takes text as input, and does not change it [cpython: ProcessTestCase.test_universal_newlines_communicate_stdin, ProcessTestCase.test_universal_newlines_communicate_stdin_stdout_stderr]",
  async () => {
    await using popen = new Popen(sh("tee /dev/stderr | wc -c"), {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      text: true,
    });
    const [count, copy] = await popen.communicate({ input: "zażółć\r\nx" });
    assertEquals([Number(count), copy], [bytes("zażółć\r\nx").length, "zażółć\nx"]);
  },
);

unixTest(
  "Popen with text and no input [cpython: ProcessTestCase.test_universal_newlines_communicate_input_none]",
  async () => {
    await using popen = new Popen("cat", { stdin: "pipe", stdout: "pipe", text: true });
    assertEquals(await popen.communicate(), ["", undefined]);
  },
);

unixTest(
  "Popen decodes and encodes by the encoding [cpython: ProcessTestCase.test_universal_newlines_communicate_encodings]",
  async () => {
    for (const encoding of ["utf-16", "utf-16le", "utf-16be", "latin1", "koi8-r"]) {
      const input = encoding === "koi8-r" ? "да\r\n1\r2" : "1\r\n2\r3\n4";
      const options = { stdin: "pipe", stdout: "pipe", encoding } as const;
      await using popen = new Popen("cat", options);
      const [output]: [string, undefined] = await popen.communicate({ input });
      assertEquals(output, input.replaceAll(/\r\n?/g, "\n"), encoding);
    }
  },
);

unixTest(
  "Popen treats what is no text as errors says [cpython: ProcessTestCase.test_communicate_errors]",
  async () => {
    const expected = {
      ignore: "[]",
      replace: "[\ufffd\ufffd]",
      surrogateescape: "[\udc80\udc80]",
      backslashreplace: "[\\x80\\x80]",
    } as const;
    for (const [errors, text] of Object.entries(expected)) {
      const output = await checkOutput(["printf", "[\\200\\200]"], {
        errors: errors as keyof typeof expected,
      });
      assertEquals(output, text);
    }
    await assertRejects(
      () => checkOutput(["printf", "[\\200]"], { text: true }),
      TypeError,
      "it is not utf-8",
    );
  },
);

Deno.test("TextReader gives the same in pieces of every size", () => {
  const data = Uint8Array.from([
    ...bytes("a\r\nb\r\rä\n€🦕\r"),
    ...[0x80, 0xc3, 0x28, 0xe2, 0x82, 0xf0, 0x9f, 0xa6, 0xed, 0xa0, 0x80, 0xc0, 0xaf, 0xff],
    ...bytes("\r\nend"),
    ...[0xf0, 0x9f],
  ]);
  for (const errors of ["replace", "ignore", "backslashreplace", "surrogateescape"] as const) {
    const whole = decodeBy(data.length, data, "utf-8", errors);
    for (let size = 1; size < data.length; size++) {
      assertEquals(decodeBy(size, data, "utf-8", errors), whole, `${errors} by ${size}`);
    }
  }
});

Deno.test("TextReader: ignore, escapes and surrogates are exact", () => {
  const data = Uint8Array.of(0x61, 0xe2, 0x82, 0x62, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80);
  const decode = (errors: Parameters<typeof readTextFormat>[1], data: Uint8Array) =>
    decodeBy(3, data, "utf-8", errors);
  assertEquals(decode("ignore", data), "ab");
  assertEquals(
    decode("backslashreplace", data),
    "a\\xe2\\x82b\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80",
  );
  assertEquals(decode("surrogateescape", Uint8Array.of(0x61, 0xff)), "a\udcff");
  // What is text is left alone, a replacement character that is one as well.
  const clean = "\ufffd\ufeffä€🦕\u{10ffff}\u07ff\u0800";
  for (const errors of ["ignore", "backslashreplace", "surrogateescape"] as const) {
    assertEquals(decode(errors, bytes(clean)), clean);
  }
});

Deno.test("encodeText() refuses what the encoding does not have", () => {
  assertEquals(encodeText("ä€", "windows-1252"), Uint8Array.of(0xe4, 0x80));
  assertEquals(encodeText("é🦕", "utf-16be").length, 6);
  let message = "";
  for (
    const [text, encoding] of [["ж", "windows-1252"], ["x", "gbk"], ["x", "shift_jis"]] as const
  ) {
    try {
      encodeText(text, encoding);
    } catch (error) {
      message += `${(error as Error).message}\n`;
    }
  }
  assertEquals(message.trim().split("\n"), [
    'Cannot encode the input: windows-1252 has no "ж"',
    "Cannot encode the input: text cannot be written as gbk; pass it as bytes",
    "Cannot encode the input: text cannot be written as shift_jis; pass it as bytes",
  ]);
});
