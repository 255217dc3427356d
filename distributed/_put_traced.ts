import type { WaitOptions } from "../coroutine/wait_options.ts";
import { startPut, type TraceContext } from "./_telemetry.ts";
import type { EngineTask, TaskEngine, TaskWatcher } from "./engine.ts";

/**
 * Puts a task, with a span for it when somebody traces.
 *
 * @param caller Who asked for it, when that is not the running code.
 */
export function putTraced(
  engine: TaskEngine,
  task: EngineTask,
  watcher: TaskWatcher | undefined,
  options: WaitOptions,
  caller?: TraceContext,
): Promise<"put" | "known"> {
  const span = startPut(task, caller);
  if (span === undefined) return engine.put(task, watcher, options);
  const { trace } = span;
  const traced = trace === undefined ? task : { ...task, trace };
  return engine.put(traced, watcher, options).then(
    (answer) => {
      span.end();
      return answer;
    },
    (error) => {
      span.fail(error);
      span.end();
      throw error;
    },
  );
}
