import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CreditChannel, Kind, type Wire, writeUint32 } from "../../ipc/_credit_channel.ts";
import type { Outgoing } from "../../ipc/_native_codec.ts";
import { EofError, ProtocolError } from "../../ipc/mod.ts";
import { guard } from "../support/guard.ts";
import { concat, utf8 } from "./_bytes.ts";
import { pattern } from "./_connections.ts";

/** A wire that keeps what is posted. */
class KeptWire implements Wire {
  readonly peer = "the peer";
  readonly isFlushed = true;
  readonly posts: [kind: number, message: Outgoing | undefined][] = [];

  post(kind: number, message?: Outgoing): void {
    this.posts.push([kind, message]);
  }

  flushed(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  hold(): void {}

  letGo(): void {}
}

function open(): { channel: CreditChannel; wire: KeptWire } {
  const wire = new KeptWire();
  const pass = () => undefined;
  return { wire, channel: new CreditChannel(wire, { isReadable: true, isWritable: true, pass }) };
}

Deno.test("CreditChannel.receive() copies what it is lent, and keeps what it is given", () => {
  const { channel } = open();
  const [lent, given] = [utf8("lent"), utf8("given")];
  channel.receive(Kind.MESSAGE, lent, "lent");
  channel.receive(Kind.MESSAGE, given, "given");
  lent.fill(0);
  assertEquals(channel.take(), utf8("lent"));
  assert(channel.take() === given);
  assertEquals(channel.take(), undefined);
});

Deno.test("CreditChannel.receive() puts the parts of a message together", () => {
  const { channel } = open();
  for (const cuts of [[0, 1000], [400, 1000], [1, 2, 999], [500, 500]]) {
    const bytes = pattern(1000);
    channel.receive(Kind.LARGE, writeUint32(1000), "lent");
    let from = 0;
    for (const to of cuts) {
      const part = bytes.slice(from, to);
      channel.receive(Kind.PART, part, "lent");
      part.fill(0);
      from = to;
    }
    assertEquals(channel.hasInput, false);
    channel.receive(Kind.MESSAGE, bytes.subarray(from), "lent");
    assertEquals(channel.take(), bytes);
  }
  channel.receive(Kind.MESSAGE, utf8("after"), "lent");
  assertEquals(channel.take(), utf8("after"));
});

Deno.test("CreditChannel.receive() refuses parts that are not those of a message", () => {
  const part = pattern(10);
  const wrong: [what: string, receive: (channel: CreditChannel) => void][] = [
    ["a part without a beginning", (channel) => channel.receive(Kind.PART, part, "lent")],
    ["too much", (channel) => {
      channel.receive(Kind.LARGE, writeUint32(15), "lent");
      channel.receive(Kind.PART, part, "lent");
      channel.receive(Kind.PART, part, "lent");
    }],
    ["too little", (channel) => {
      channel.receive(Kind.LARGE, writeUint32(25), "lent");
      channel.receive(Kind.PART, part, "lent");
      channel.receive(Kind.MESSAGE, part, "lent");
    }],
    ["two beginnings", (channel) => {
      channel.receive(Kind.LARGE, writeUint32(25), "lent");
      channel.receive(Kind.LARGE, writeUint32(25), "lent");
    }],
    ["no length", (channel) => channel.receive(Kind.LARGE, new Uint8Array(3), "lent")],
    ["a length beyond all", (channel) => {
      channel.receive(Kind.LARGE, writeUint32(0xffff_ffff), "lent");
    }],
    ["no kind", (channel) => channel.receive(99, part, "lent")],
    ["credit that is none", (channel) => channel.receive(Kind.CREDIT, part, "lent")],
  ];
  for (const [what, receive] of wrong) {
    assertThrows(() => receive(open().channel), ProtocolError, "Cannot read from the peer", what);
  }
});

Deno.test("CreditChannel gives credit when half a window was taken", () => {
  const { channel, wire } = open();
  channel.want();
  channel.want();
  assertEquals(wire.posts.map(([kind]) => kind), [Kind.CREDIT]);
  const bytes = new Uint8Array(200_000);
  for (let n = 0; n < 3; n++) channel.receive(Kind.MESSAGE, bytes, "lent");
  for (let n = 0; n < 3; n++) assertEquals(channel.take()?.length, 200_000);
  assertEquals(wire.posts.map(([kind]) => kind), [Kind.CREDIT, Kind.CREDIT]);
  const { head, body } = wire.posts[1]![1]!;
  assertEquals(concat(head, body as Uint8Array), writeUint32(3 * (200_000 + 64)));
});

const HELLO: Outgoing = { head: utf8("hello"), body: "" };

Deno.test("CreditChannel.send() waits for credit, in order, and ends when nobody will take it", async () => {
  const ends: [what: string, end: (channel: CreditChannel) => void, name: string][] = [
    [
      "refused",
      (channel) => channel.receive(Kind.REFUSED, utf8(""), "lent"),
      "ConnectionLostError",
    ],
    ["lost", (channel) => channel.lose(new EofError("gone")), "ConnectionLostError"],
    ["ended here", (channel) => void channel.closeWrite(), "ConnectionClosedError"],
    ["closed here", (channel) => void channel.close(), "ConnectionClosedError"],
  ];
  for (const [what, end, name] of ends) {
    const { channel, wire } = open();
    const sends = [1, 2, 3].map(() => channel.send(HELLO, {}));
    assertEquals(wire.posts, [], what);
    // For one message, which may be larger than the credit.
    channel.receive(Kind.CREDIT, writeUint32(1), "lent");
    await sends[0];
    assertEquals(wire.posts.map(([kind]) => kind), [Kind.MESSAGE], what);
    end(channel);
    const told = Promise.all(sends.slice(1).map((send) => send.catch((error) => error.name)));
    assertEquals(await guard(told, () => `the end of those who send, ${what}`), [name, name]);
    await assertRejects(() => channel.send(HELLO, {}), Error, "", what);
  }
});
