// How a long job says what it is doing, and how that is drawn: a bar that moves on a terminal, plain lines elsewhere.

/** Receives the phases of a job, one at a time. */
export interface ProgressListener {
  /** Begins a phase; `total` counts its units where that is known. */
  start(phase: string, total?: number): void;
  /** Says how many units are done, with what else is worth showing. */
  update(done: number, detail?: string): void;
  end(): void;
}

/** Listens to nothing. */
export const silent: ProgressListener = { start() {}, update() {}, end() {} };

const widestBar = 16;
const narrowestBar = 6;
const redrawMs = 80;
const lineMs = 15_000;
const clearToEnd = "\x1b[K";

/** Returns a listener that draws to standard error. */
export function terminalProgress(stream: NodeJS.WriteStream = process.stderr): ProgressListener {
  return stream.isTTY && process.env["TERM"] !== "dumb" ? new Bar(stream) : new Lines(stream);
}

class Phase {
  name = "";
  total: number | undefined;
  done = 0;
  detail = "";
  startedAt = 0;
  /** The first report: a phase that goes on where another stopped does not begin at 0. */
  #first: { done: number; at: number } | undefined;

  begin(name: string, total: number | undefined): void {
    Object.assign(this, { name, total, done: 0, detail: "", startedAt: performance.now() });
    this.#first = undefined;
  }

  advance(done: number, detail: string): void {
    Object.assign(this, { done, detail });
    this.#first ??= { done, at: performance.now() };
  }

  get seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }

  /** Seconds until the end at the pace since the first report; undefined until there is a second. */
  get left(): number | undefined {
    if (this.total === undefined || this.#first === undefined || this.done <= this.#first.done)
      return undefined;
    const secondsEach = (performance.now() - this.#first.at) / 1000 / (this.done - this.#first.done);
    return secondsEach * (this.total - this.done);
  }
}

class Bar implements ProgressListener {
  readonly #stream: NodeJS.WriteStream;
  readonly #phase = new Phase();
  #drawnAt = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  start(name: string, total?: number): void {
    this.#phase.begin(name, total);
    this.#draw();
  }

  update(done: number, detail = ""): void {
    this.#phase.advance(done, detail);
    if (performance.now() - this.#drawnAt >= redrawMs) this.#draw();
  }

  end(): void {
    const { name, total, done, seconds } = this.#phase;
    if (total !== undefined && done > 0) this.#draw();
    else this.#write(`${name} ${clock(seconds)}`);
    this.#stream.write("\n");
  }

  #draw(): void {
    this.#drawnAt = performance.now();
    const width = (this.#stream.columns || 80) - 1; // a full line would wrap
    this.#write(formatBar(this.#phase, width));
  }

  // overwriting and then clearing the rest does not flicker
  #write(line: string): void {
    this.#stream.write(`\r${line}${clearToEnd}`);
  }
}

/** What a bar shows. */
interface BarState {
  name: string;
  total: number | undefined;
  done: number;
  detail: string;
  seconds: number;
  left: number | undefined;
}

/** Lays a bar out in `width` columns: what is done and the time first, then the bar, then what detail fits. */
export function formatBar({ name, total, done, detail, seconds, left }: BarState, width: number): string {
  if (total === undefined) return clip(done === 0 ? `${name} ...` : `${name} ${done}`, width);
  const remaining = left === undefined ? "" : `, ${clock(left)} left`;
  const time = `${clock(seconds)}${done === total ? "" : remaining}`;
  const counts = `${String(done).padStart(String(total).length)}/${total}  ${time}`;
  const room = Math.min(widestBar, width - `${name} [] ${counts}`.length);
  if (room < narrowestBar) return withDetail(clip(name, width), counts.trimStart(), width);
  const filled = Math.round((room * Math.min(done, total)) / total);
  const bar = "#".repeat(filled) + "-".repeat(room - filled);
  return withDetail(`${name} [${bar}] ${counts}`, detail, width);
}

/** Appends as many whole parts, set apart by two spaces, as fit; a number cut in half would be another number. */
function withDetail(line: string, detail: string, width: number): string {
  let text = line;
  for (const part of detail.split("  ")) {
    if (part === "" || text.length + 2 + part.length > width) break;
    text += `  ${part}`;
  }
  return text;
}

class Lines implements ProgressListener {
  readonly #stream: NodeJS.WriteStream;
  readonly #phase = new Phase();
  #writtenAt = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  start(name: string, total?: number): void {
    this.#phase.begin(name, total);
    this.#writtenAt = performance.now();
    this.#stream.write(`${name} ...\n`);
  }

  update(done: number, detail = ""): void {
    this.#phase.advance(done, detail);
    if (performance.now() - this.#writtenAt >= lineMs) this.#line();
  }

  end(): void {
    if (this.#phase.done > 0) this.#line();
  }

  #line(): void {
    const { name, total, done, detail, seconds, left } = this.#phase;
    this.#writtenAt = performance.now();
    const counts = total === undefined ? String(done) : `${done}/${total}`;
    const time = left === undefined || left === 0 ? clock(seconds) : `${clock(seconds)}, ${clock(left)} left`;
    this.#stream.write(`${name}: ${counts}, ${time}${detail === "" ? "" : `, ${detail}`}\n`);
  }
}

function clip(text: string, width: number): string {
  return text.slice(0, Math.max(0, width));
}

/** Writes seconds as `0:07` or `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  const rest = `${String(minutes % 60).padStart(minutes < 60 ? 1 : 2, "0")}:${String(whole % 60).padStart(2, "0")}`;
  return minutes < 60 ? rest : `${Math.floor(minutes / 60)}:${rest}`;
}
