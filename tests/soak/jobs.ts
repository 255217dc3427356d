/** What the workers of the soak may be asked to do: the demo's job. */

export { countPrimes } from "../../examples/demo.ts";
