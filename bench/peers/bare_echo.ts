/** Sends back what it gets over a connection, without any library. */

const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
connection.setNoDelay(true);
const buffer = new Uint8Array(1024);
for (;;) {
  const count = await connection.read(buffer);
  if (count === null) break;
  await connection.write(buffer.subarray(0, count));
}
