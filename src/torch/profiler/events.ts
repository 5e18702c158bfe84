// What a profile recorded, as a tree: which operator called which, and what each took itself.
import type { RecordedEvent } from "../native.ts";

/** One call of an operator, or one scope of `recordFunction`. */
export interface ProfiledEvent {
  name: string;
  /** Microseconds since the start of the record. */
  startUs: number;
  endUs: number;
  thread: number;
  /** Where it ran: `cpu`, or the device of a kernel. */
  device: string;
  /** Microseconds with and without what it called. */
  cpuTimeTotal: number;
  selfCpuTimeTotal: number;
  /** Bytes allocated less bytes freed, with and without what it called; 0 unless memory is profiled. */
  cpuMemoryUsage: number;
  selfCpuMemoryUsage: number;
  /** Floating-point operations; 0 unless they are counted. */
  flops: number;
  /** Shapes of the arguments; empty unless they are recorded. */
  inputShapes: number[][];
  parent: ProfiledEvent | undefined;
  children: ProfiledEvent[];
}

/** An allocation, or with negative bytes a deallocation. */
export interface MemoryChange {
  /** Microseconds since the start of the record. */
  timeUs: number;
  bytes: number;
  /** What is held on the device since the start of the record; below 0 where older memory is freed. */
  totalBytes: number;
  device: string;
}

const memoryEvent = "[memory]";
// bookkeeping of libtorch's own
const leftOut = new Set([memoryEvent, "[OutOfMemory]", "aten::is_leaf", "aten::output_nr", "aten::_version"]);

/** Builds the events of a record, ordered by their start, and links each to what called it. */
export function eventsOf(recorded: readonly RecordedEvent[]): ProfiledEvent[] {
  const memory = recorded.filter(([name]) => name === memoryEvent).map(toChange);
  const allocated = runningTotal(memory.filter(({ device }) => device === "cpu"));
  const events = recorded
    .filter(([name, , , , , , , , isHidden]) => !leftOut.has(name) && !isHidden)
    .map(([name, startNs, durationNs, thread, isAsync, device, flops, , , inputShapes]) => {
      const [startUs, endUs] = [startNs / 1000, (startNs + durationNs) / 1000];
      const bytes = device === "cpu" ? allocated(endUs) - allocated(startUs) : 0;
      const time = device === "cpu" && !isAsync ? endUs - startUs : 0;
      return {
        event: {
          name,
          startUs,
          endUs,
          thread,
          device,
          cpuTimeTotal: time,
          selfCpuTimeTotal: time,
          cpuMemoryUsage: bytes,
          selfCpuMemoryUsage: bytes,
          flops,
          inputShapes,
          parent: undefined,
          children: [],
        } satisfies ProfiledEvent as ProfiledEvent,
        isNested: device === "cpu" && !isAsync,
      };
    })
    .sort((a, b) => a.event.startUs - b.event.startUs || b.event.endUs - a.event.endUs);
  link(events.filter(({ isNested }) => isNested).map(({ event }) => event));
  return withoutDoubles(events.map(({ event }) => event));
}

/** Lists allocations and deallocations in their order, with what is held after each. */
export function memoryChanges(recorded: readonly RecordedEvent[]): MemoryChange[] {
  const changes = recorded.filter(([name]) => name === memoryEvent).map(toChange);
  changes.sort((a, b) => a.timeUs - b.timeUs);
  const totals = new Map<string, number>();
  return changes.map((change) => {
    const totalBytes = (totals.get(change.device) ?? 0) + change.bytes;
    totals.set(change.device, totalBytes);
    return { ...change, totalBytes };
  });
}

function toChange([, startNs, , , , device, , bytes]: RecordedEvent): Omit<MemoryChange, "totalBytes"> {
  return { timeUs: startNs / 1000, bytes, device };
}

/** Returns a function from a time to the bytes that were allocated before it. */
function runningTotal(changes: readonly { timeUs: number; bytes: number }[]): (timeUs: number) => number {
  const ordered = [...changes].sort((a, b) => a.timeUs - b.timeUs);
  let total = 0;
  const totals = ordered.map(({ bytes }) => (total += bytes));
  return (timeUs) => {
    let [low, high] = [0, ordered.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ordered[middle]!.timeUs < timeUs) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : totals[low - 1]!;
  };
}

/** Links events that lie within others of their thread. */
function link(events: readonly ProfiledEvent[]): void {
  const open = new Map<number, ProfiledEvent[]>();
  for (const event of events) {
    const stack = open.get(event.thread) ?? [];
    open.set(event.thread, stack);
    while (stack.length > 0 && event.endUs > stack.at(-1)!.endUs) stack.pop();
    while (stack.length > 0 && event.startUs >= stack.at(-1)!.endUs) stack.pop();
    const parent = stack.at(-1);
    if (parent !== undefined) {
      event.parent = parent;
      parent.children.push(event);
      parent.selfCpuTimeTotal -= event.cpuTimeTotal;
      parent.selfCpuMemoryUsage -= event.cpuMemoryUsage;
    }
    stack.push(event);
  }
}

/** Merges an event with its only child where that has the same name, as PyTorch's table does. */
function withoutDoubles(events: ProfiledEvent[]): ProfiledEvent[] {
  const doubles = new Set<ProfiledEvent>();
  for (const event of events) {
    const { parent } = event;
    if (parent === undefined || parent.name !== event.name || parent.children.length !== 1) continue;
    doubles.add(event);
    parent.children = event.children;
    for (const child of event.children) child.parent = parent;
    parent.selfCpuTimeTotal += event.selfCpuTimeTotal;
    parent.selfCpuMemoryUsage += event.selfCpuMemoryUsage;
  }
  return doubles.size === 0 ? events : events.filter((event) => !doubles.has(event));
}
