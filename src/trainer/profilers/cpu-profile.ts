// What a CPU profile of V8 tells of the functions that ran, within given stretches of time.

/** A profile as V8 takes it, and `.cpuprofile` files hold it. Times are in microseconds on V8's clock. */
export interface CpuProfile {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number; columnNumber: number };
    children?: number[];
  }[];
  startTime: number;
  endTime: number;
  /** Id of the node that ran at each sample. */
  samples?: number[];
  /** Time between a sample and the one before. */
  timeDeltas?: number[];
}

/** A function and the time in it, with and without what it called. */
export interface FunctionTime {
  name: string;
  /** File and line. */
  place: string;
  selfMs: number;
  totalMs: number;
}

/** Start and end of something, in microseconds on V8's clock. */
export type Stretch = readonly [start: number, end: number];

/** Sums up what ran during the stretches, which are in their order and do not overlap; longest in all first. */
export function functionTimes(profile: CpuProfile, stretches: readonly Stretch[]): FunctionTime[] {
  const { samples = [], timeDeltas = [], nodes, startTime } = profile;
  const stacks = stacksOf(nodes);
  const times = new Map<string, FunctionTime>();
  let now = startTime;
  let next = 0;
  for (const [i, id] of samples.entries()) {
    now += timeDeltas[i] ?? 0;
    const end = now + (timeDeltas[i + 1] ?? 0);
    while (next < stretches.length && stretches[next]![1] <= now) next++;
    const ms = overlap(stretches, next, [now, end]) / 1000;
    if (ms === 0) continue;
    const stack = stacks.get(id) ?? [];
    for (const [depth, { name, place }] of stack.entries()) {
      const key = `${name} ${place}`;
      const time = times.get(key) ?? { name, place, selfMs: 0, totalMs: 0 };
      times.set(key, time);
      if (depth === 0) time.selfMs += ms;
      if (isFirst(stack, depth)) time.totalMs += ms;
    }
  }
  return [...times.values()].sort((a, b) => b.totalMs - a.totalMs || b.selfMs - a.selfMs);
}

interface Frame {
  name: string;
  place: string;
}

/** Lists the functions of each node, the innermost first. */
function stacksOf(nodes: CpuProfile["nodes"]): Map<number, Frame[]> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const stacks = new Map<number, Frame[]>();
  const visit = (id: number, outer: readonly Frame[]): void => {
    const { callFrame, children = [] } = byId.get(id)!;
    const isRoot = callFrame.functionName === "(root)";
    const stack = isRoot ? [] : [frameOf(callFrame), ...outer];
    stacks.set(id, stack);
    for (const child of children) visit(child, stack);
  };
  if (nodes[0] !== undefined) visit(nodes[0].id, []);
  return stacks;
}

function frameOf({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): Frame {
  const file = url.replace(/^file:\/\//u, "");
  return { name: functionName || "(anonymous)", place: file === "" ? "" : `${file}:${lineNumber + 1}` };
}

/** Whether a function does not stand further in too, as one that calls itself does. */
function isFirst(stack: readonly Frame[], depth: number): boolean {
  const { name, place } = stack[depth]!;
  return stack.findIndex((frame) => frame.name === name && frame.place === place) === depth;
}

function overlap(stretches: readonly Stretch[], first: number, [start, end]: Stretch): number {
  let shared = 0;
  for (let i = first; i < stretches.length && stretches[i]![0] < end; i++) {
    shared += Math.max(0, Math.min(end, stretches[i]![1]) - Math.max(start, stretches[i]![0]));
  }
  return shared;
}
