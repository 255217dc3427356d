import { ContextVar } from "../coroutine/context_var.ts";

/** Which attempt at its task the running function is. */
export const attempts: ContextVar<number> = new ContextVar("attempt", { default: 0 });
