import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { parseAddress } from "../../ipc/mod.ts";
import { readPlace } from "../../ipc/_place.ts";
import { exitCodeOf, statusAsAsked } from "../../process/_exit_code.ts";
import { fromFileUrl } from "../../process/_permission_flags.ts";
import { readId } from "../../process/_popen_settings.ts";
import { unknownSignal } from "../../process/_process_tree.ts";
import { Popen } from "../../process/mod.ts";

/** What differs between systems, decided for each of them wherever the tests run. */

Deno.test("fromFileUrl() writes paths as the system does", () => {
  const cases: [string, string, string][] = [
    ["file:///home/ann/a%20b.ts", "linux", "/home/ann/a b.ts"],
    ["file:///Users/ann/a.ts", "darwin", "/Users/ann/a.ts"],
    ["file:///C:/Users/ann/a%20b.ts", "windows", "C:\\Users\\ann\\a b.ts"],
    ["file://server/share/a.ts", "windows", "\\\\server\\share\\a.ts"],
  ];
  for (const [url, os, path] of cases) assertEquals(fromFileUrl(new URL(url), os), path, url);
});

Deno.test("statusAsAsked() tells on Windows that a process was ended by a signal of this one", () => {
  const ended = { success: false, code: 1, signal: null };
  assertEquals(statusAsAsked(ended, "SIGTERM", "windows").signal, "SIGTERM");
  assertEquals(exitCodeOf(statusAsAsked(ended, "SIGTERM", "windows")), -15);
  assertEquals(exitCodeOf(statusAsAsked(ended, "SIGKILL", "windows")), -9);
  // Nobody has asked, or it ended in another way all the same.
  assertEquals(statusAsAsked(ended, undefined, "windows"), ended);
  for (const status of [{ ...ended, code: 3 }, { success: true, code: 0, signal: null }]) {
    assertEquals(statusAsAsked(status, "SIGTERM", "windows"), status);
  }
  // Elsewhere the system tells it.
  for (const os of ["linux", "darwin"]) assertEquals(statusAsAsked(ended, "SIGTERM", os), ended);
});

Deno.test("Popen() refuses user and group on Windows, where they would be ignored", () => {
  for (const name of ["user", "group"]) {
    assertThrows(
      () => readId(name, 1000, "windows"),
      Deno.errors.NotSupported,
      `"${name}" cannot be set on Windows`,
    );
    assertEquals(readId(name, undefined, "windows"), undefined);
    for (const os of ["linux", "darwin"]) assertEquals(readId(name, 1000, os), 1000);
  }
});

Deno.test("Popen.sendSignal() names the system that has no such signal", async () => {
  assertMatch(unknownSignal("SIGUSR1", undefined, "windows").message, /Windows has no signals/);
  await using program = new Popen([Deno.execPath(), "eval", "await new Promise(() => {})"], {
    stdin: "pipe",
  });
  const { message, cause } = assertThrows(
    () => program.sendSignal("SIGNONE" as Deno.Signal),
    TypeError,
    "Cannot send SIGNONE to the program: ",
  );
  assertMatch(message, Deno.build.os === "windows" ? /Windows/ : new RegExp(Deno.build.os));
  assertMatch(String(cause), /SIGNONE/);
});

Deno.test("readPlace() knows which addresses a system has", () => {
  const listen = (address: string, os: string) =>
    readPlace("Cannot listen", address, undefined, os);
  assertEquals(listen("/tmp/a", "darwin"), { family: "AF_UNIX", path: "/tmp/a" });
  assertEquals(listen("\0name", "linux"), { family: "AF_UNIX", path: "\0name" });
  assertThrows(() => listen("\0name", "darwin"), RangeError, "for Linux only");
  assertThrows(() => listen("/tmp/a", "windows"), RangeError, "Windows has no Unix sockets");
  assertThrows(() => listen("\\\\.\\pipe\\name", "windows"), RangeError, "no named pipes");
  for (const os of ["linux", "darwin", "windows"]) {
    const address = parseAddress("127.0.0.1:5000");
    assertEquals(listen("127.0.0.1:5000", os), { family: "AF_INET", address });
  }
});
