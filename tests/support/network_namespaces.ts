/** How a program gets a network of its own here; `undefined` when that is not permitted. */
export async function findNamespaces(): Promise<string[] | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  for (const flags of [["--net"], ["--user", "--map-root-user", "--net"]]) {
    const trial = "ip link add cut0 type veth peer name cut1 && nsenter --version";
    try {
      const { success } = await new Deno.Command("unshare", {
        args: [...flags, "sh", "-c", trial],
        stdout: "null",
        stderr: "null",
      }).output();
      if (success) return flags;
    } catch {
      // There is no such program.
    }
  }
  return undefined;
}
