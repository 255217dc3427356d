import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { type AddressLike, formatAddress, parseAddress } from "../../ipc/mod.ts";

Deno.test("parseAddress() reads every form", () => {
  const cases: [AddressLike, string, number][] = [
    ["127.0.0.1:5000", "127.0.0.1", 5000],
    ["localhost:0", "localhost", 0],
    ["a-host.example:65535", "a-host.example", 65535],
    ["[::1]:5000", "::1", 5000],
    [["127.0.0.1", 5000], "127.0.0.1", 5000],
    [["::1", 1], "::1", 1],
    [{ hostname: "127.0.0.1", port: 5000 }, "127.0.0.1", 5000],
  ];
  for (const [address, hostname, port] of cases) {
    assertEquals(parseAddress(address), { hostname, port });
  }
});

Deno.test("parseAddress() takes an empty host name as every interface", () => {
  const everywhere = { hostname: "0.0.0.0", port: 5000 };
  assertEquals(parseAddress(":5000"), everywhere);
  assertEquals(parseAddress(["", 5000]), everywhere);
  assertEquals(parseAddress({ hostname: "", port: 5000 }), everywhere);
  assertEquals(parseAddress("[]:5000"), everywhere);
});

Deno.test("parseAddress() answers an address of its own", () => {
  const address = { hostname: "127.0.0.1", port: 5000, extra: 1 };
  const parsed = parseAddress(address);
  assertNotEquals(parsed as unknown, address);
  address.port = 1;
  assertEquals(parsed, { hostname: "127.0.0.1", port: 5000 });
});

Deno.test("parseAddress() refuses what has no port or another form", () => {
  const cases: unknown[] = [
    "",
    "localhost",
    "localhost:",
    "localhost:http",
    "localhost:-1",
    "localhost:1.5",
    "::1:5000",
    "[::1]",
    "a b:5000",
    "127.0.0.1:5000 ",
    "http://127.0.0.1:5000",
    "/tmp/socket",
    "\\\\.\\pipe\\name",
    [],
    ["127.0.0.1"],
    ["127.0.0.1", 5000, 0],
    ["127.0.0.1", "5000"],
    [5000, "127.0.0.1"],
    {},
    { hostname: "127.0.0.1" },
    { hostname: "127.0.0.1", port: "5000" },
    { path: "/tmp/socket", transport: "unix" },
    5000,
    null,
    undefined,
  ];
  for (const address of cases) {
    assertThrows(
      () => parseAddress(address as AddressLike),
      TypeError,
      'Cannot read address: expected "HOST:PORT", ["HOST", PORT] or { hostname, port }',
    );
  }
});

Deno.test("parseAddress() refuses a port outside of the range", () => {
  const cases: AddressLike[] = [
    "127.0.0.1:65536",
    "127.0.0.1:99999999999999999999",
    ["127.0.0.1", -1],
    ["127.0.0.1", 1.5],
    ["127.0.0.1", NaN],
    { hostname: "127.0.0.1", port: Infinity },
  ];
  for (const address of cases) {
    assertThrows(() => parseAddress(address), RangeError, "port must be from 0 to 65535");
  }
});

Deno.test("formatAddress() writes what parseAddress() reads", () => {
  for (const text of ["127.0.0.1:5000", "localhost:0", "[::1]:80", "[fe80::1]:1"]) {
    assertEquals(formatAddress(parseAddress(text)), text);
  }
  assertEquals(formatAddress(parseAddress(":7")), "0.0.0.0:7");
});
