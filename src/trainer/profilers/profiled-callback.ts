// A callback whose hooks are measured.
import { snakeCase } from "../../base/index.ts";
import type { Callback } from "../callbacks/callback.ts";
import type { Profiler } from "./profiler.ts";

/** Returns `callback` with each hook as an action of the profiler: `[Callback]early_stopping.on_validation_end`. */
export function profiledCallback(callback: Callback, profiler: Profiler): Callback {
  if (!profiler.isMeasuring) return callback;
  return new Proxy(callback, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function" || key === "constructor") return member;
      const call = (...args: unknown[]): unknown => Reflect.apply(member, target, args); // private fields are the target's own
      if (typeof key === "symbol" || !/^(on[A-Z]|setup$|teardown$)/u.test(key)) return call;
      const action = `[Callback]${target.name}.${snakeCase(key)}`;
      return (...args: unknown[]) => profiler.profile(action, () => call(...args));
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}
