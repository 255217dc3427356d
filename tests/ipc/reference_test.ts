import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  EofError,
  Event,
  Lock,
  Namespace,
  pipe,
  RLock,
  Semaphore,
  SharedArray,
  SharedDict,
  SharedList,
  Value,
} from "../../ipc/mod.ts";
import type { Ticket } from "../../ipc/_authentication.ts";
import { Borrowing } from "../../ipc/_family.ts";
import type { EndReference } from "../../ipc/_pipe_end.ts";
import { fromWire, toWire } from "../../ipc/_portable.ts";
import { inReferenceScope } from "../../ipc/_reference.ts";
import { FakeTime } from "../support/fake_time.ts";
import { guard } from "../support/guard.ts";
import { assertPending } from "../support/settle.ts";
import { cross, pipeTest } from "./_connections.ts";

Deno.test("an object of this process comes back to it as itself", async () => {
  const objects = [
    new Barrier(2),
    new BoundedSemaphore(2),
    new Condition(),
    new Event(),
    new Lock(),
    new Namespace(),
    new RLock(),
    new Semaphore(3),
    new SharedArray("int32", 3),
    new SharedDict(),
    new SharedList(),
    new Value("int32", 7),
  ];
  await using stack = new AsyncDisposableStack();
  for (const object of objects) stack.use(object);
  for (const object of objects) assertStrictEquals(cross<unknown>(object), object);
});

Deno.test("an object that does not live in its process any more is not received there", () => {
  for (const type of ["ipc.Event", "ipc.Lock", "ipc.Queue"]) {
    assertThrows(
      () => fromWire({ type, data: { port: 0, id: "gone" } }),
      ReferenceError,
      "it does not live here any more",
    );
  }
});

Deno.test("a reference that is not well formed is refused", () => {
  const good = { port: 1, id: "elsewhere" };
  const bad: [type: string, data: unknown][] = [
    ...["Barrier", "Condition", "Event", "Lock", "RLock", "Semaphore", "SharedDict"].flatMap(
      (name) =>
        [null, 7, {}, { port: 1 }, { id: "a" }, { port: "1", id: "a" }].map(
          (data) => [`ipc.${name}`, data] as [string, unknown],
        ),
    ),
    ["ipc.BoundedSemaphore", good],
    ["ipc.BoundedSemaphore", { ...good, bound: 1.5 }],
    ["ipc.Value", good],
    ["ipc.Value", { ...good, kind: "int31", length: 1, within: [] }],
    ["ipc.Value", { ...good, kind: "int32", length: "1", within: [] }],
    ["ipc.Value", { ...good, kind: "int32", length: 1, within: 7 }],
    ["ipc.SharedArray", { ...good, kind: "int32", length: 1.5, within: [] }],
    ["ipc.Proxy", good],
    ["ipc.Proxy", { ...good, methods: [7] }],
    ["ipc.Connection", undefined],
    ["ipc.Connection", good],
    ["ipc.Connection", { ...good, token: "t", maxMessageBytes: 1, isReadable: true }],
    ["ipc.Connection", {
      ...good,
      token: 7,
      maxMessageBytes: 1,
      isReadable: true,
      isWritable: true,
    }],
  ];
  for (const [type, data] of bad) {
    assertThrows(() => fromWire({ type, data }), Error, "", `${type} ${Deno.inspect(data)}`);
  }
});

Deno.test("a reference to where no key is needed goes to everybody", async () => {
  const data = { hostname: "192.0.2.1", port: 7, id: "elsewhere" };
  const event = fromWire({ type: "ipc.Event", data }) as Event;
  const stranger = { isFamily: false };
  const written = inReferenceScope(stranger, () => toWire(event)!.data);
  assertEquals(written, data);
  await event.close();
});

pipeTest("an end of a pipe that is over cannot be used, and says so", async () => {
  const [here, there] = pipe<unknown>();
  const wire = toWire(there)!;
  const lost = { ...wire.data as object, id: crypto.randomUUID() };
  const end = fromWire({ type: wire.type, data: lost }) as typeof there;
  const received = guard(end.recv(), () => "the answer");
  await assertRejects(() => received, Error, "Cannot use the end of the pipe");
  await end.close();
  // The good one can be.
  const good = fromWire(wire) as typeof there;
  await good.send(1);
  assertEquals(await here.recv(), 1);
  for (const connection of [good, here, there]) await connection.close();
});

pipeTest("an end of a pipe may be passed on more often than anybody takes it", async () => {
  const [here, there] = pipe<unknown>();
  for (let n = 0; n < 1_100; n++) toWire(there);
  const last = cross(there);
  await last.send("last");
  assertEquals(await here.recv(), "last");
  for (const connection of [last, here, there]) await connection.close();
});

pipeTest("an end of a pipe is opened once by who has borrowed it", async () => {
  const [here, there] = pipe<unknown>();
  const { id, port, token } = toWire(there)!.data as EndReference;
  const borrowing = new Borrowing({ id, port });
  const ticket = await borrowing.call("open", [token]);
  assertEquals(typeof (ticket as Ticket).ticket, "string");
  await assertRejects(
    () => borrowing.call("open", [token]),
    ReferenceError,
    "Cannot open the end of the pipe: it is over, or open already",
  );
  await borrowing.close();
  for (const connection of [here, there]) await connection.close();
});

Deno.test("an end of a pipe that was passed on and that nobody takes is over in the end", async () => {
  using time = new FakeTime();
  const [here, there] = pipe<unknown>();
  toWire(there);
  await there.close();
  const received = here.recv();
  await time.tick(19_999);
  await assertPending(received, "the receive");
  const ended = assertRejects(() => received, EofError, "the other end of the pipe is closed");
  await time.tick(1);
  await ended;
  await here.close();
});
