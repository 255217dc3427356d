import { same } from "./_caught.ts";
import { AssertionError } from "./assertion_error.ts";

Deno.test("AssertionError has its name, message and cause", () => {
  const error = new AssertionError("text", { cause: 7 });
  same(error instanceof Error, true);
  same(error.name, "AssertionError");
  same(error.message, "text");
  same(error.cause, 7);
});
