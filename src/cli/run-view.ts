// What `sconce watch` draws: where a run stands, the curves of its metrics, and what it uses.
import { clock, printable } from "../base/index.ts";
import type { Metric, Run } from "../tracking/index.ts";
import { sparkline } from "./sparkline.ts";
import { clip } from "./styles.ts";
import type { Paint, Styles } from "./styles.ts";
import { formatMetric } from "./table.ts";

/** Says how much room there is, and with which colours. */
export interface DrawOptions {
  columns: number;
  /** Lines, at most; metrics beyond them are counted. */
  rows: number;
  styles: Styles;
  /** Milliseconds since 1970, for the time that a run has taken. */
  now: number;
}

const longestName = 32;
const valueWidth = 11;
const widestCurve = 60;
const widestBar = 30;

/** Keeps the curves of a run, and draws it. */
export class RunView {
  readonly #experiment: string;
  readonly #curves = new Map<string, Metric[]>();
  #run: Run;

  constructor(run: Run, experiment: string) {
    this.#run = run;
    this.#experiment = experiment;
  }

  add(run: Run, points: readonly Metric[]): void {
    this.#run = run;
    for (const point of points) {
      const curve = this.#curves.get(point.key);
      if (curve === undefined) this.#curves.set(point.key, [point]);
      else curve.push(point);
    }
  }

  /** Returns lines of at most `columns` characters, beside colours. */
  draw({ columns, rows, styles, now }: DrawOptions): string[] {
    const head = [this.#title(columns, styles, now), this.#progress(columns, now)];
    const resources = this.#resources(columns);
    const room = Math.max(1, rows - head.length - (resources === undefined ? 0 : 1));
    const lines = this.#metrics(columns, room, styles);
    return [...head, ...lines, ...(resources === undefined ? [] : [styles.faint(resources)])];
  }

  #title(columns: number, styles: Styles, now: number): string {
    const { status, runName, startTime, endTime = now } = this.#run.info;
    const time = clock(Math.max(0, endTime - startTime) / 1000);
    const room = columns - status.length - time.length - 4;
    const name = clip(printable(`${runName}  ${this.#experiment}`), Math.max(0, room));
    return `${paintOf(status, styles)(status)}  ${name}  ${time}`;
  }

  #progress(columns: number, now: number): string {
    const { data, info } = this.#run;
    const epoch = this.#latest("epoch");
    const limit = (name: string) => Number(data.params[`trainer.${name}`] ?? data.params[name]);
    const [maxEpochs, maxSteps] = [limit("max_epochs"), limit("max_steps")];
    const step = Math.max(0, ...[...this.#metricCurves()].map(([, curve]) => curve.at(-1)!.step));
    const shares = [
      ...(epoch !== undefined && maxEpochs > 0 ? [epoch / maxEpochs] : []),
      ...(maxSteps > 0 ? [step / maxSteps] : []),
    ];
    const share = shares.length === 0 ? undefined : Math.min(1, Math.max(...shares));
    const epochs =
      epoch === undefined ? "" : `epoch ${formatMetric(epoch)}${maxEpochs > 0 ? `/${maxEpochs}` : ""}  `;
    const steps = `step ${step}${maxSteps > 0 ? `/${maxSteps}` : ""}`;
    if (share === undefined || Number.isNaN(share)) return clip(`${epochs}${steps}`, columns);
    const seconds = (now - info.startTime) / 1000;
    const left =
      info.status === "RUNNING" && share > 0.01
        ? `  about ${clock((seconds * (1 - share)) / share)} left`
        : "";
    const width = Math.min(widestBar, columns - epochs.length - steps.length - left.length - 4);
    if (width < 6) return clip(`${epochs}${steps}${left}`, columns);
    const filled = Math.round(width * share);
    return `${epochs}[${"#".repeat(filled)}${"-".repeat(width - filled)}]  ${steps}${left}`;
  }

  #metrics(columns: number, rows: number, styles: Styles): string[] {
    const curves = [...this.#metricCurves()].filter(([name]) => name !== "epoch").sort(byWeight);
    if (curves.length === 0) return ["no metrics yet"];
    const shown = curves.length <= rows ? curves : curves.slice(0, rows - 1);
    const longest = Math.max(...shown.map(([name]) => printable(name).length));
    const nameWidth = Math.min(longest, longestName, Math.max(8, Math.floor(columns / 3)));
    const curveWidth = Math.min(widestCurve, columns - nameWidth - 2 * valueWidth - 16);
    const lines = shown.map(([name, curve]) => {
      const values = curve.map(({ value }) => value);
      const last = formatMetric(values.at(-1));
      const start = `${clip(printable(name), nameWidth).padEnd(nameWidth)}  ${last.padStart(valueWidth)}`;
      if (curveWidth < 8) return clip(start, columns);
      const line = sparkline(values, curveWidth).padEnd(curveWidth);
      return clip(`${start}  ${line}  ${rangeOf(values)}`.trimEnd(), columns);
    });
    const hidden = curves.length - shown.length;
    return hidden === 0 ? lines : [...lines, styles.faint(`and ${hidden} more`)];
  }

  #resources(columns: number): string | undefined {
    const value = (name: string) => this.#latest(`system/${name}`);
    const percent = (share: number | undefined) => (share === undefined ? [] : [`${Math.round(share)} %`]);
    const size = (megabytes: number | undefined) =>
      megabytes === undefined
        ? []
        : [megabytes >= 1000 ? `${(megabytes / 1000).toFixed(1)} GB` : `${Math.round(megabytes)} MB`];
    const parts = [
      ["CPU", ...percent(value("cpu_utilization_percentage"))],
      [
        "memory",
        ...size(value("system_memory_usage_megabytes")),
        ...percent(value("system_memory_usage_percentage")),
      ],
      ["process", ...size(value("process_memory_usage_megabytes"))],
      ...this.#gpus().map((gpu) => [
        `GPU ${gpu}`,
        ...percent(value(`gpu_${gpu}_utilization_percentage`)),
        ...size(value(`gpu_${gpu}_memory_usage_megabytes`)),
      ]),
      ["disk", ...percent(value("disk_usage_percentage"))],
    ];
    const known = parts.filter((part) => part.length > 1).map((part) => part.join(" "));
    let line = "";
    for (const part of known) {
      const longer = line === "" ? part : `${line}  ${part}`;
      if (longer.length <= columns) line = longer;
    }
    return line === "" ? undefined : line;
  }

  #gpus(): string[] {
    const names = [...this.#curves.keys()];
    return names.flatMap((name) => /^system\/gpu_(\d+)_utilization_percentage$/.exec(name)?.[1] ?? []).sort();
  }

  #metricCurves(): [string, Metric[]][] {
    return [...this.#curves].filter(([name]) => !name.startsWith("system/"));
  }

  #latest(name: string): number | undefined {
    return this.#curves.get(name)?.at(-1)?.value;
  }
}

/** Losses and what validations measure first: a terminal may not hold all. */
function byWeight([a]: [string, unknown], [b]: [string, unknown]): number {
  const weight = (name: string) => (/loss/.test(name) ? 0 : /^(val|test)[_/]/.test(name) ? 1 : 2);
  return weight(a) - weight(b) || (a < b ? -1 : 1);
}

function rangeOf(values: readonly number[]): string {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return "";
  const short = (value: number) => String(Number(value.toPrecision(3)));
  const [low, high] = finite.reduce(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Infinity, -Infinity],
  );
  return low === high ? short(low) : `${short(low)} to ${short(high)}`;
}

function paintOf(status: string, { good, bad, busy }: Styles): Paint {
  if (status === "FINISHED") return good;
  return status === "FAILED" || status === "KILLED" ? bad : busy;
}
