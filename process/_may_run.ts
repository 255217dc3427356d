/** Whether this process may run a program; without a name, whether it may run every program. */
export function mayRun(command?: string): boolean {
  return Deno.permissions.querySync({ name: "run", command }).state === "granted";
}
