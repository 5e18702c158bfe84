// Counts tensors without those that nobody holds but the garbage collector has not come to yet.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { memoryStats } from "sconce/torch";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Returns how many tensors JavaScript holds, after a garbage collection. */
export function liveTensors(): number {
  collect();
  collect(); // what the first one only found to be dead
  return memoryStats().liveTensors;
}
