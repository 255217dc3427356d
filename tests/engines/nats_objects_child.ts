// A program that uses the shared objects, told what to do by its arguments: SERVERS DEED [NAME].
import {
  NatsCounter,
  NatsDict,
  NatsEvent,
  NatsLock,
  openNats,
} from "../../distributed/engines/nats.ts";

const [servers = "", deed = "", name = "shared"] = Deno.args;

if (import.meta.main) {
  await using nats = await openNats({ servers: servers.split(",") });
  switch (deed) {
    case "count": {
      await using dict = new NatsDict<string, number>(nats, name);
      console.log("READY");
      for (let i = 0; i < 300; i++) await dict.compute("n", (n = 0) => n + 1);
      break;
    }
    case "add": {
      await using counter = new NatsCounter(nats, name);
      console.log("READY");
      for (let i = 0; i < 300; i++) await counter.add(1);
      break;
    }
    case "hold": {
      await using lock = new NatsLock(nats, name, { ttlMs: 1_000 });
      await lock.acquire();
      console.log("READY", lock.token);
      await new Response(Deno.stdin.readable).text();
      break;
    }
    case "set": {
      await using event = new NatsEvent(nats, name);
      await event.set();
      console.log("READY");
    }
  }
}
