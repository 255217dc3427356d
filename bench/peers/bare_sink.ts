/** Reads so many mebibytes, says so with one byte, and begins again. */

const [port, times] = Deno.args.map(Number);
const connection = await Deno.connect({ hostname: "127.0.0.1", port: port! });
connection.setNoDelay(true);
const buffer = new Uint8Array(1024 * 1024);
const whole = times! * buffer.length;
for (let got = 0;;) {
  const count = await connection.read(buffer);
  if (count === null) break;
  got += count;
  if (got < whole) continue;
  await connection.write(new Uint8Array(1));
  got = 0;
}
