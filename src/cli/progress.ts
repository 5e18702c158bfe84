// Draws the phases of a job: a bar that moves on a terminal, plain lines elsewhere.
import type { ProgressListener } from "../tasks/index.ts";

const barWidth = 24;
const redrawMs = 80;
const lineMs = 15_000;

/** Returns a listener that draws to standard error. */
export function terminalProgress(stream: NodeJS.WriteStream = process.stderr): ProgressListener {
  return stream.isTTY ? new Bar(stream) : new Lines(stream);
}

class Phase {
  name = "";
  total: number | undefined;
  done = 0;
  detail = "";
  startedAt = 0;

  begin(name: string, total: number | undefined): void {
    Object.assign(this, { name, total, done: 0, detail: "", startedAt: performance.now() });
  }

  get seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }

  /** Seconds until the end at the present pace. */
  get left(): number | undefined {
    if (this.total === undefined || this.done === 0) return undefined;
    return (this.seconds / this.done) * (this.total - this.done);
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
    Object.assign(this.#phase, { done, detail });
    if (performance.now() - this.#drawnAt >= redrawMs) this.#draw();
  }

  end(): void {
    const { total } = this.#phase;
    if (total !== undefined && this.#phase.done > 0) this.#draw();
    else this.#write(`${this.#phase.name} ${clock(this.#phase.seconds)}`);
    this.#stream.write("\n");
  }

  #draw(): void {
    const { name, total, done, detail, seconds, left } = this.#phase;
    this.#drawnAt = performance.now();
    if (total === undefined) return this.#write(`${name} ...`);
    const filled = Math.round((barWidth * done) / total);
    const bar = "#".repeat(filled) + "-".repeat(barWidth - filled);
    const time =
      done === total ? clock(seconds) : `${clock(seconds)} < ${left === undefined ? "?" : clock(left)}`;
    this.#write(`${name} [${bar}] ${done}/${total}  ${time}  ${detail}`);
  }

  #write(line: string): void {
    this.#stream.write(`\r\x1b[2K${line.slice(0, (this.#stream.columns ?? 80) - 1)}`);
  }
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
    Object.assign(this.#phase, { done, detail });
    if (performance.now() - this.#writtenAt >= lineMs) this.#line();
  }

  end(): void {
    if (this.#phase.done > 0) this.#line();
  }

  #line(): void {
    const { name, total, done, detail, seconds, left } = this.#phase;
    this.#writtenAt = performance.now();
    const time = left === undefined || left === 0 ? clock(seconds) : `${clock(seconds)}, ${clock(left)} left`;
    this.#stream.write(`${name}: ${done}/${total}, ${time}${detail === "" ? "" : `, ${detail}`}\n`);
  }
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  const rest = `${String(minutes % 60).padStart(minutes < 60 ? 1 : 2, "0")}:${String(whole % 60).padStart(2, "0")}`;
  return minutes < 60 ? rest : `${Math.floor(minutes / 60)}:${rest}`;
}
