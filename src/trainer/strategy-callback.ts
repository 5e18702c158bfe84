// What a strategy has of a callback: it is set up and torn down with the run, and checkpoints keep its tensors.
import { Strategy } from "../contracts/index.ts";
import type { Callback } from "./callbacks/callback.ts";

/** Sets up a strategy of its own kind, and keeps its tensors in checkpoints. */
export function strategyCallback(strategy: Strategy): Callback[] {
  if (strategy.constructor === Strategy) return []; // it keeps nothing
  const prefix = "strategy.";
  return [
    {
      name: "strategy",
      setup: ({ task }) => strategy.setup(task.model),
      teardown: () => strategy.teardown(),
      onSaveCheckpoint(_run, { tensors }) {
        for (const [name, tensor] of strategy.stateDict()) tensors.set(prefix + name, tensor);
      },
      onLoadCheckpoint(_run, { tensors }) {
        const own = Array.from(tensors).filter(([name]) => name.startsWith(prefix));
        strategy.loadStateDict(new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor])));
      },
    },
  ];
}
