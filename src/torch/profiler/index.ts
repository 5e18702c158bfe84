// What a program's time, memory and arithmetic go to: `torch.profiler`.
export { EventAverages } from "./averages.ts";
export type { AveragesOptions, EventAverage, SortKey, TableOptions } from "./averages.ts";
export type { MemoryChange, ProfiledEvent } from "./events.ts";
export { FlopCounter } from "./flop-counter.ts";
export { Profile, profile } from "./profile.ts";
export type { ProfileOptions, ProfilerActivity } from "./profile.ts";
export { recordFunction, recordModules } from "./record-function.ts";
export { schedule } from "./schedule.ts";
export type { ProfilerAction, ScheduleOptions } from "./schedule.ts";
export { tensorboardTraceHandler } from "./trace-handler.ts";
export type { TraceHandlerOptions } from "./trace-handler.ts";
