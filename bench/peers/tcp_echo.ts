const conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
conn.setNoDelay(true);
const buffer = new Uint8Array(65_536);
for (;;) {
  const count = await conn.read(buffer);
  if (count === null) break;
  for (let at = 0; at < count;) at += await conn.write(buffer.subarray(at, count));
}
