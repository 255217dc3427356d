import { checkTimeout } from "../coroutine/_check_timeout.ts";
import { Event } from "../coroutine/event.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { Home, type HomeCall, type HomeSeat } from "./_home.ts";

/** The home of an event. Nobody holds anything of it: one who is gone has nothing to give back. */
export class EventHome extends Home {
  readonly event = new Event();

  constructor() {
    super("the event");
  }

  override seat(): HomeSeat {
    const { event } = this;
    return {
      methods: {
        isSet: () => event.isSet(),
        set: () => {
          this.checkOpen();
          event.set();
        },
        clear: () => {
          this.checkOpen();
          event.clear();
        },
        wait: (call, wait?: WaitOptions) => this.#wait(call, wait),
        statistics: () => event.statistics(),
      },
      leave() {},
    };
  }

  protected override wakeAll(): void {
    this.event.set();
  }

  #wait(call: HomeCall, wait?: WaitOptions): boolean | Promise<boolean> {
    this.checkOpen();
    const timeoutMs = checkTimeout(wait?.timeoutMs);
    // A signal costs something to make: only a call that really waits asks for it.
    if (this.event.isSet() || timeoutMs === 0) return this.event.isSet();
    const { signal } = call;
    return this.event.wait({ timeoutMs: wait?.timeoutMs, signal }).then((isSet) => {
      this.checkOpen();
      return isSet;
    });
  }
}
