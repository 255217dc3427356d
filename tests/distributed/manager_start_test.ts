import { assertEquals, assertRejects } from "@std/assert";
import { BaseManager } from "../../distributed/mod.ts";
import { ProcessStateError } from "../../process/mod.ts";
import { leakTest } from "../support/leaks.ts";

/** How a manager's own process begins. The registered functions and the initializer are found here. */

let greeting = "nobody was greeted";

export function setGreeting(name: string): void {
  greeting = `hello, ${name}`;
}

export function getGreeting(): string {
  return greeting;
}

export function failToStart(): never {
  throw new RangeError("it cannot start");
}

const Manager = BaseManager.register("getGreeting", { callable: getGreeting });
const module = import.meta.url;

leakTest(
  "BaseManager.start() calls the initializer first [cpython: TestInitializers.test_manager_initializer]",
  async () => {
    await using manager = new Manager({ module });
    const noFunction = { initializer: 1 as unknown as () => void };
    await assertRejects(() => manager.start(noFunction), TypeError, '"initializer"');
    await manager.start({ initializer: setGreeting, initArgs: ["world"] });
    assertEquals(await manager.getGreeting(), "hello, world");
    assertEquals(getGreeting(), "nobody was greeted");
  },
);

leakTest("BaseManager.start() fails with its initializer", async () => {
  await using manager = new Manager({ module });
  await assertRejects(
    () => manager.start({ initializer: failToStart }),
    RangeError,
    "cannot start",
  );
});

leakTest(
  "BaseManager can be disposed of after start() [cpython: _TestMyManager.test_mymanager_context_prestarted]",
  async () => {
    const manager = new Manager({ module });
    await manager.start();
    {
      await using _ = manager;
      assertEquals(await manager.getGreeting(), "nobody was greeted");
    }
    await assertRejects(() => manager.getGreeting(), ProcessStateError);
  },
);

leakTest("BaseManager.start() can be called again after a limit that is none", async () => {
  await using manager = new Manager({ module });
  await assertRejects(() => manager.start({ timeoutMs: -1 }), RangeError, '"timeoutMs"');
  await manager.start();
  assertEquals(await manager.getGreeting(), "nobody was greeted");
});
