import { same } from "./_caught.ts";
import { assertRejects } from "./rejects.ts";

const failing = () => Promise.reject(new TypeError("bad thing"));

async function messageOfRejection(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("Nothing was thrown");
}

Deno.test("assertRejects() resolves to the reason", async () => {
  same((await assertRejects(failing, TypeError, "bad")).message, "bad thing");
  same(await assertRejects(() => Promise.reject(7)), 7);
});

Deno.test("assertRejects() rejects if the promise does not", async () => {
  same(
    await messageOfRejection(assertRejects(() => Promise.resolve(), "why")),
    "Expected function to reject: why",
  );
});

Deno.test("assertRejects() rejects if there is no promise", async () => {
  const throwing = () => {
    throw new Error();
  };
  same(
    await messageOfRejection(assertRejects(throwing)),
    "Function throws when expected to reject.",
  );
});

Deno.test("assertRejects() rejects at another class, message or kind of value", async () => {
  same(
    await messageOfRejection(assertRejects(failing, RangeError)),
    'Expected error to be instance of "RangeError", but was "TypeError".',
  );
  same(
    await messageOfRejection(assertRejects(failing, TypeError, "good")),
    'Expected error message to include "good", but got "bad thing".',
  );
  same(
    await messageOfRejection(assertRejects(() => Promise.reject("text"), Error)),
    "A non-Error object was rejected.",
  );
});
