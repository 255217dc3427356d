import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Context,
  ContextVar,
  copyContext,
  currentTask,
  gather,
  InvalidStateError,
  Queue,
  sleep,
  spawn,
} from "../../coroutine/mod.ts";
import { createGates } from "../support/gate.ts";
import { settle } from "../support/settle.ts";

// Values

Deno.test("ContextVar.get() gives what was set, the default, or throws", () => {
  const plain = new ContextVar<number>("plain");
  const defaulted = new ContextVar("defaulted", { default: 1 });
  assertThrows(
    () => plain.get(),
    InvalidStateError,
    'Cannot read context variable "plain": it was not set and has no default',
  );
  assertEquals([plain.name, defaulted.get()], ["plain", 1]);
  defaulted.run(2, () => assertEquals(defaulted.get(), 2));
  assertEquals(defaulted.get(), 1);
});

Deno.test("ContextVar keeps undefined as a value, and as a default", () => {
  const variable = new ContextVar<number | undefined>("v", { default: 1 });
  variable.run(undefined, () => assertStrictEquals(variable.get(), undefined));
  assertStrictEquals(
    new ContextVar<number | undefined>("v", { default: undefined }).get(),
    undefined,
  );
});

Deno.test("ContextVar.reset() gives the value back that was there before", () => {
  const variable = new ContextVar<number>("v");
  const other = new ContextVar<number>("v");
  new Context().run(() => {
    const first = variable.set(1);
    const second = variable.set(2);
    other.set(3);
    assertEquals([second.name, variable.get()], ["v", 2]);
    variable.reset(second);
    assertEquals([variable.get(), other.get()], [1, 3]);
    variable.reset(first);
    assertThrows(() => variable.get(), InvalidStateError);
    assertEquals(other.get(), 3);
  });
});

Deno.test("ContextVar.reset() refuses tokens of others, of other contexts, and used ones", () => {
  const variable = new ContextVar<number>("v");
  const other = new ContextVar<number>("other");
  new Context().run(() => {
    const token = variable.set(1);
    assertThrows(() => other.reset(token), TypeError, "does not come from this variable");
    new Context().run(() =>
      assertThrows(() => variable.reset(token), InvalidStateError, "belongs to another task")
    );
    variable.reset(token);
    assertThrows(() => variable.reset(token), InvalidStateError, "was used before");
  });
});

Deno.test("ContextToken takes the change back when it is disposed of, also after a reset", () => {
  const variable = new ContextVar("v", { default: 0 });
  new Context().run(() => {
    {
      using token = variable.set(1);
      assertEquals([variable.get(), token.name], [1, "v"]);
    }
    assertEquals(variable.get(), 0);
    {
      using token = variable.set(2);
      variable.reset(token);
      variable.set(3);
    }
    assertEquals(variable.get(), 3);
  });
});

// Contexts

Deno.test("Context.run() keeps what is set in it, also after an await", async () => {
  const variable = new ContextVar("v", { default: 0 });
  const context = new Context();
  const given = await context.run(async () => {
    variable.set(1);
    await sleep(0);
    variable.set(variable.get() + 1);
    return "given";
  });
  assertEquals([given, context.get(variable), context.has(variable)], ["given", 2, true]);
  assertEquals(variable.get(), 0);
  assertThrows(() =>
    context.run(() => {
      throw new RangeError("thrown");
    }), RangeError);
});

Deno.test("Context.copy() and copyContext() are copies", () => {
  const variable = new ContextVar<number>("v");
  const context = new Context();
  context.run(() => variable.set(1));
  const copy = context.copy();
  copy.run(() => variable.set(2));
  const current = context.run(copyContext);
  current.run(() => variable.set(3));
  assertEquals([context, copy, current].map((one) => one.get(variable)), [1, 2, 3]);
  const empty = new Context();
  assertEquals([empty.has(variable), empty.get(variable)], [false, undefined]);
});

Deno.test("Context.run() in a task stays in the task, and is cancelled with it", async () => {
  const context = new Context();
  const task = spawn(() =>
    context.run(async () => {
      const name = currentTask()?.name;
      await sleep(Infinity).catch(() => {});
      return name;
    }), { name: "t" });
  await settle();
  task.cancel();
  assertEquals(await task, "t");
});

// Tasks

Deno.test("ContextVar: a task has a copy, its changes are not seen outside [cpython: BaseTaskTests.test_context_1]", async () => {
  const variable = new ContextVar("v", { default: "nope" });
  const work = async () => {
    await sleep(0);
    assertEquals(variable.get(), "nope");
    variable.set("something");
    await sleep(0);
    assertEquals(variable.get(), "something");
    await spawn(() => assertEquals(variable.get(), "something"));
  };
  await spawn(async () => {
    const task = spawn(work);
    await sleep(0);
    assertEquals(variable.get(), "nope");
    variable.set("late");
    await task;
    assertEquals(variable.get(), "late");
  });
  assertEquals(variable.get(), "nope");
});

Deno.test("ContextVar: a done callback runs in a copy of the context it was added in [cpython: BaseTaskTests.test_context_2]", async () => {
  const variable = new ContextVar("v", { default: "nope" });
  const seen: string[] = [];
  const { end } = createGates("end");
  const task = spawn(async () => {
    variable.set("task");
    await end.wait();
  });
  await spawn(async () => {
    variable.set("adder");
    task.addDoneCallback(() => {
      seen.push(variable.get());
      variable.set("callback");
    });
    variable.set("later");
    end.open();
    await task;
    await sleep(0);
    task.addDoneCallback(() => seen.push(variable.get()));
    await sleep(0);
    seen.push(variable.get());
  });
  assertEquals(seen, ["adder", "later", "later"]);
});

Deno.test("ContextVar: 100 tasks keep their values apart [cpython: BaseTaskTests.test_context_3]", async () => {
  const variable = new ContextVar("v", { default: 0 });
  const work = async (number: number) => {
    for (let turn = 0; turn < 10; turn++) {
      variable.set(number + turn);
      await sleep(0);
      assertEquals(variable.get(), number + turn);
    }
  };
  await gather(Array.from({ length: 100 }, (_, i) => () => work(i * 10)));
  assertEquals(variable.get(), 0);
});

Deno.test("spawn() with a context runs in that itself [cpython: BaseTaskTests.test_context_4, BaseTaskTests.test_context_5, BaseTaskTests.test_context_6]", async () => {
  const variable = new ContextVar<number>("v");
  const context = copyContext();
  await spawn(() => void variable.set(1), { context });
  assertEquals(context.get(variable), 1);
  await spawn(async () => {
    await sleep(0);
    variable.set(variable.get() + 1);
  }, { context });
  assertEquals(context.get(variable), 2);
  assertThrows(() => variable.get(), InvalidStateError);
});

Deno.test("ContextVar follows a task through timers, promises, events, queues and awaited tasks", async () => {
  const variable = new ContextVar("v", { default: "outside" });
  const queue = new Queue<number>();
  const task = spawn(async () => {
    variable.set("task");
    const seen: string[] = [];
    await new Promise<void>((resolve) =>
      setTimeout(() => (seen.push(variable.get()), resolve()), 0)
    );
    await queue.get();
    seen.push(variable.get());
    await spawn(() => seen.push(variable.get()));
    const target = new EventTarget();
    target.addEventListener("ring", () => seen.push(variable.get()));
    target.dispatchEvent(new Event("ring"));
    queueMicrotask(() => seen.push(variable.get()));
    await Promise.resolve();
    return seen;
  });
  await settle();
  variable.run("putter", () => queue.putNowait(1));
  assertEquals(await task, Array(5).fill("task"));
});

Deno.test("ContextVar.run() holds for all that the function awaits, and for nobody else", async () => {
  const variable = new ContextVar("v", { default: 0 });
  const { go } = createGates("go");
  const running = variable.run(1, async () => {
    await go.wait();
    return [variable.get(), await spawn(() => variable.get())];
  });
  assertEquals(variable.get(), 0);
  go.open();
  assertEquals(await running, [1, 1]);
});
