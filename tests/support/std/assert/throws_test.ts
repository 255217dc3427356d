import { messageOf, same } from "./_caught.ts";
import { assertThrows } from "./throws.ts";

const failing = () => {
  throw new TypeError("bad thing");
};

Deno.test("assertThrows() gives back what was thrown", () => {
  same(assertThrows(failing, TypeError, "bad").message, "bad thing");
  same(
    assertThrows(() => {
      throw 7;
    }),
    7,
  );
});

Deno.test("assertThrows() throws if nothing was thrown", () => {
  same(messageOf(() => assertThrows(() => {})), "Expected function to throw.");
  same(messageOf(() => assertThrows(() => {}, "why")), "Expected function to throw: why");
});

Deno.test("assertThrows() throws at another class, message or kind of value", () => {
  same(
    messageOf(() => assertThrows(failing, RangeError)),
    'Expected error to be instance of "RangeError", but was "TypeError".',
  );
  same(
    messageOf(() => assertThrows(failing, TypeError, "good", "why")),
    'Expected error message to include "good", but got "bad thing": why',
  );
  const throwsText = () => {
    throw "text";
  };
  same(messageOf(() => assertThrows(throwsText, Error)), "A non-Error object was thrown.");
});
