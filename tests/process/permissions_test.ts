import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type Permissions, Process } from "../../process/mod.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import { askPermissions } from "./targets.ts";

const MODULE = new URL("targets.ts", import.meta.url);

type Descriptor = Deno.PermissionDescriptor;

/** Every kind as a whole. */
const WHOLES: Descriptor[] = [
  { name: "read" },
  { name: "write" },
  { name: "net" },
  { name: "env" },
  { name: "run" },
  { name: "sys" },
  { name: "ffi" },
  { name: "import" },
];

/** Asks a child for the states of its permissions. */
async function ask(
  permissions: Permissions | undefined,
  descriptors: readonly Descriptor[],
): Promise<Deno.PermissionState[]> {
  await using child = new Process({
    module: MODULE,
    target: askPermissions,
    args: [descriptors],
    permissions,
  });
  await child.start();
  return await child.result();
}

/** The descriptors that are granted, of the first list, and none of the second. */
async function assertGranted(
  permissions: Permissions,
  granted: readonly Descriptor[],
  refused: readonly Descriptor[],
): Promise<void> {
  const states = await ask(permissions, [...granted, ...refused]);
  assertEquals(
    states.map((state) => state === "granted"),
    [...granted.map(() => true), ...refused.map(() => false)],
  );
}

async function refusal(permissions: unknown): Promise<string> {
  await using child = new Process({
    module: MODULE,
    target: askPermissions,
    args: [[]],
    permissions: permissions as Permissions,
  });
  const { message } = await assertRejects(() => child.start(), TypeError);
  assertEquals(child.pid, undefined);
  return message;
}

leakTest("Process.permissions: by default a child may do nothing", async () => {
  const kinds: Descriptor[] = [
    ...WHOLES,
    { name: "read", path: MODULE.pathname },
    {
      name: "net",
      host: "127.0.0.1",
    },
    { name: "env", variable: "PATH" },
    { name: "run", command: "deno" },
  ];
  for (const permissions of [undefined, "none", {}] as const) {
    const states = await ask(permissions, kinds);
    assert(!states.includes("granted"), states.join());
  }
});

leakTest(
  "Process.permissions: true is all of a kind, false and undefined are nothing",
  async () => {
    for (const kind of WHOLES) {
      const { name } = kind;
      const others = WHOLES.filter((other) => other !== kind);
      await assertGranted({ [name]: true }, [kind], others);
    }
    await assertGranted({ read: false, write: undefined, net: false }, [], WHOLES);
  },
);

leakTest("Process.permissions: a list is what it names, and nothing else", async () => {
  const folder = new URL("fixtures/", import.meta.url);
  await assertGranted({
    read: ["/tmp/a", folder],
    write: ["/tmp/b"],
    net: ["example.org", "127.0.0.2:80", new URL("https://example.com:8443/path")],
    env: ["ONE", "TWO"],
    run: ["deno", "git"],
    sys: ["hostname"],
    ffi: ["/tmp/lib.so"],
    import: ["example.net:443"],
  }, [
    { name: "read", path: "/tmp/a/inside" },
    { name: "read", path: new URL("mapped/answer.ts", folder).pathname },
    { name: "write", path: "/tmp/b" },
    { name: "net", host: "example.org:1234" },
    { name: "net", host: "127.0.0.2:80" },
    { name: "net", host: "example.com:8443" },
    { name: "env", variable: "ONE" },
    { name: "env", variable: "TWO" },
    { name: "run", command: "git" },
    { name: "sys", kind: "hostname" },
    { name: "ffi", path: "/tmp/lib.so" },
  ], [
    ...WHOLES,
    { name: "read", path: "/tmp/b" },
    { name: "write", path: "/tmp/a" },
    { name: "net", host: "127.0.0.2:81" },
    { name: "net", host: "example.com:8444" },
    { name: "env", variable: "THREE" },
    { name: "run", command: "sh" },
    { name: "sys", kind: "osRelease" },
    { name: "ffi", path: "/tmp/other.so" },
  ]);
}, { ignore: Deno.build.os === "windows" });

leakTest("Process.permissions: an empty list is nothing", async () => {
  await assertGranted({ read: [], write: [], net: [], env: [], run: [], sys: [] }, [], WHOLES);
});

leakTest(
  "Process.permissions: a comma within a path does not grant what stands before it",
  async () => {
    const url = new URL("file:///tmp/a,b/");
    assertStringIncludes(await refusal({ read: ["/tmp/a,b"] }), '"/tmp/a,b" of "read" has a comma');
    assertStringIncludes(await refusal({ write: ["/tmp/c", url] }), 'of "write" has a comma');
    assertStringIncludes(await refusal({ run: ["deno,sh"] }), '"deno,sh" of "run" has a comma');
  },
);

leakTest(
  "Process.permissions: what is no permission is refused, and nothing is spawned",
  async () => {
    assertStringIncludes(await refusal({ files: true }), '"files" is not one of read, write, net');
    assertStringIncludes(await refusal({ toString: true }), '"toString" is not one of');
    assertStringIncludes(await refusal("all"), 'expected "none", "inherit" or an object, got all');
    assertStringIncludes(await refusal(null), "got null");
    assertStringIncludes(await refusal(true), "got true");
    assertStringIncludes(await refusal({ read: "/tmp" }), '"read" must be true, false, "inherit"');
    assertStringIncludes(await refusal({ net: 80 }), '"net" must be true, false, "inherit"');
    assertStringIncludes(await refusal({ read: [1] }), 'an entry of "read" must be a string');
    assertStringIncludes(await refusal({ env: ["A", ""] }), 'an entry of "env" must be a string');
    assertStringIncludes(await refusal({ run: [null] }), 'an entry of "run" must be a string');
  },
);

// What the parent holds

leakTest('Process.permissions: "inherit" is what the parent holds as a whole', async () => {
  const states = await ask("inherit", WHOLES);
  const own = WHOLES.map((descriptor) => Deno.permissions.querySync(descriptor).state);
  assertEquals(states, own);
});

leakTest('Process.permissions: "inherit" of a parent that holds some', async () => {
  const code = `
    import { Process } from "@manyhands/concurrency/process";
    const module = ${JSON.stringify(MODULE)};
    const kinds = ${JSON.stringify(WHOLES)};
    for (const permissions of ["inherit", { env: "inherit", read: "inherit", sys: true }]) {
      const args = [[...kinds, { name: "read", path: "/tmp" }]];
      await using child = new Process({ module, target: "askPermissions", args, permissions });
      await child.start();
      console.log((permissions === "inherit" ? "READY " : "") + (await child.result()).join());
    }
  `;
  // Run, reading and the network are held in part only.
  const flags = ["--allow-run=deno", "--allow-net=127.0.0.1", "--allow-env", "--allow-read=/tmp"];
  await using program = await startProgram({ code }, { flags });
  const [P, G] = ["prompt", "granted"];
  assertEquals(program.ready.split(","), [P, P, P, G, P, P, P, P, P]);
  assertEquals((await program.nextLine()).split(","), [P, P, P, G, P, G, P, P, P]);
}, { ignore: Deno.build.os === "windows" });

/** What a child, or a child of a child, has by "inherit" in a program with some flags. */
async function inherited(
  flags: string[],
  descriptors: readonly Descriptor[],
  options: { cwd?: string; first?: Permissions } = {},
): Promise<boolean[]> {
  const { first } = options;
  const code = `
    import { Process } from "@manyhands/concurrency/process";
    const module = ${JSON.stringify(MODULE)};
    const args = [${JSON.stringify(descriptors)}];
    const child = new Process(${
    first === undefined
      ? '{ module, target: "askPermissions", args, permissions: "inherit" }'
      : `{ module, target: "askByChild", args, permissions: ${JSON.stringify(first)} }`
  });
    await child.start();
    console.log("READY " + (await child.result()).join());
  `;
  await using program = await startProgram({ code }, {
    flags: ["--allow-run=deno", "--allow-net=127.0.0.1", ...flags],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  return program.ready.split(",").map((state) => state === "granted");
}

leakTest(
  'Process.permissions: "inherit" does not turn a permission with exceptions into a whole one',
  async () => {
    const granted = await inherited([
      ...["--allow-read", "--deny-read=/etc", "--allow-env", "--deny-env=SECRET"],
      ...["--allow-write", "--deny-write=/etc", "--allow-sys", "--deny-sys=uid"],
      "--allow-ffi=/tmp",
      "--allow-import=example.org",
    ], [
      { name: "read" },
      { name: "read", path: "/etc/passwd" },
      { name: "env" },
      { name: "env", variable: "SECRET" },
      { name: "write", path: "/etc/passwd" },
      { name: "sys", kind: "uid" } as unknown as Descriptor,
      { name: "ffi" },
      { name: "sys", kind: "gid" },
    ]);
    assertEquals(granted, [false, false, false, false, false, false, false, true]);
  },
  { ignore: Deno.build.os === "windows" },
);

leakTest(
  'Process.permissions: "inherit" has what can be asked for: sys, the working directory, children',
  async () => {
    const cwd = await Deno.realPath(await Deno.makeTempDir());
    try {
      const granted = await inherited(
        ["--allow-sys=hostname,cpus", "--allow-read=.,/etc", "--allow-write=.", "--deny-write=./x"],
        [
          { name: "sys", kind: "hostname" },
          { name: "sys", kind: "cpus" },
          { name: "read", path: `${cwd}/file` },
          { name: "run", command: "deno" },
          { name: "net", host: "127.0.0.1" },
          // What is not passed on.
          { name: "sys", kind: "uid" },
          { name: "read", path: "/etc" },
          { name: "write", path: `${cwd}/file` },
          { name: "run" },
          { name: "net" },
        ],
        { cwd },
      );
      const [T, F] = [true, false];
      assertEquals(granted, [T, T, T, T, T, F, F, F, F, F]);
    } finally {
      await Deno.remove(cwd);
    }
  },
  { ignore: Deno.build.os === "windows" },
);

leakTest(
  'Process.permissions: "inherit" leaves out a working directory whose name no flag can have',
  async () => {
    const cwd = await Deno.realPath(await Deno.makeTempDir({ suffix: "a,b" }));
    try {
      const descriptors: Descriptor[] = [
        { name: "read", path: cwd },
        // A flag with that name would grant this.
        { name: "read", path: cwd.split(",")[0]! },
        { name: "sys", kind: "hostname" },
      ];
      const granted = await inherited(["--allow-read=.", "--allow-sys=hostname"], descriptors, {
        cwd,
      });
      assertEquals(granted, [false, false, true]);
    } finally {
      await Deno.remove(cwd);
    }
  },
  { ignore: Deno.build.os === "windows" },
);

leakTest(
  'Process.permissions: "inherit" in a child has the lists that the child was granted',
  async () => {
    const first: Permissions = {
      run: ["deno"],
      net: ["127.0.0.1", "example.org:80"],
      read: ["/etc"],
      env: ["ONE"],
      ffi: ["/tmp/lib.so"],
      sys: true,
    };
    const granted = await inherited([], [
      { name: "run", command: "deno" },
      { name: "net", host: "example.org:80" },
      { name: "read", path: "/etc/passwd" },
      { name: "env", variable: "ONE" },
      { name: "ffi", path: "/tmp/lib.so" },
      { name: "sys" },
      { name: "net", host: "example.org:81" },
      { name: "read", path: "/tmp" },
      { name: "env", variable: "TWO" },
      { name: "write", path: "/etc" },
    ], { first });
    const [T, F] = [true, false];
    assertEquals(granted, [T, T, T, T, T, T, F, F, F, F]);
  },
  { ignore: Deno.build.os === "windows" },
);

// What a program needs

const CODE = `
  import { Process } from "@manyhands/concurrency/process";
  console.log("READY");
  const child = new Process({ module: ${JSON.stringify(MODULE)}, target: "square", args: [7] });
  try {
    await child.start();
    console.log(await child.result());
  } catch (error) {
    console.log(error.name + ": " + error.message);
  }
`;

async function runWith(flags: string[]): Promise<string> {
  await using program = await startProgram({ code: CODE }, { flags });
  const line = await program.nextLine();
  assertEquals((await program.status).code, 0);
  return line;
}

leakTest("Process needs --allow-run=deno and --allow-net=127.0.0.1, and nothing else", async () => {
  assertEquals(await runWith(["--allow-run=deno", "--allow-net=127.0.0.1"]), "49");
});

leakTest("Process.start() names the flag that a program lacks", async () => {
  assertEquals(
    await runWith(["--allow-net=127.0.0.1"]),
    "NotCapable: Cannot start a process: run again with --allow-run=deno",
  );
  assertEquals(
    await runWith(["--allow-run=git", "--allow-net"]),
    "NotCapable: Cannot start a process: run again with --allow-run=deno",
  );
  const net = await runWith(["--allow-run=deno"]);
  const flag = /^NotCapable: .*: run again with (--allow-net=127\.0\.0\.1\S*)$/.exec(net)?.[1];
  assertEquals(await runWith(["--allow-run=deno", flag ?? net]), "49");
});
