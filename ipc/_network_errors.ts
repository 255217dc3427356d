import { formatPlace, permissionFlags, type Place } from "./_place.ts";

/**
 * Says in an error of the network what was tried, and which flags are missing, and keeps its class.
 *
 * @param error What the runtime threw.
 * @param action What was tried.
 * @param place Where.
 */
export function explainAt(error: unknown, action: string, place: Place): unknown {
  const tried = `${action} ${formatPlace(place)}`;
  const options = { cause: error };
  if (error instanceof Deno.errors.NotCapable) {
    // A port that the system chooses cannot be named before.
    const net = place.family === "AF_INET" && place.address.port === 0
      ? place.address.hostname
      : formatPlace(place);
    const flags = permissionFlags(place, net);
    return new Deno.errors.NotCapable(`${tried}: run again with ${flags}`, options);
  }
  if (error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound) {
    return new Deno.errors.ConnectionRefused(`${tried}: nobody is listening there`, options);
  }
  if (error instanceof Deno.errors.AddrInUse) {
    return new Deno.errors.AddrInUse(`${tried}: the address is taken`, options);
  }
  if (error instanceof Error) {
    return Object.assign(new Error(`${tried}: ${error.message}`, options), { name: error.name });
  }
  return error;
}
