import { assertRejects } from "@std/assert";
import { authenticateClient, readKey } from "../../ipc/_authentication.ts";
import { connectSession } from "../../ipc/_connect.ts";
import { FrameStream } from "../../ipc/_frame_stream.ts";
import { writeHello } from "../../ipc/_messages.ts";
import { ConnectionLostError, ProtocolError } from "../../ipc/mod.ts";
import { utf8 } from "./_bytes.ts";

const KEY = readKey("abc");

Deno.test("connectSession() refuses a server that has the key and says no hello", async () => {
  type Refusal = typeof ConnectionLostError | typeof ProtocolError;
  const cases: [hello: Uint8Array | undefined, error: Refusal, text: string][] = [
    [undefined, ConnectionLostError, "before it said hello"],
    [utf8("hello"), ProtocolError, "its first message is not readable"],
    [
      writeHello({ methods: [] }).subarray(0, -1),
      ProtocolError,
      "its first message is not readable",
    ],
    [Uint8Array.of(255, 254), ProtocolError, "its first message is not readable"],
    [writeHello({ methods: [7] as never }), ProtocolError, "its first message is not readable"],
  ];
  for (const [hello, error, text] of cases) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const connecting = connectSession(listener.addr as Deno.NetAddr, { key: KEY });
    const stream = new FrameStream(await listener.accept(), { peer: "client", maxFrameBytes: 256 });
    await authenticateClient(stream, KEY, {});
    if (hello !== undefined) stream.send(hello);
    await stream.flushed();
    stream.close();
    await assertRejects(() => connecting, error, text);
  }
});
