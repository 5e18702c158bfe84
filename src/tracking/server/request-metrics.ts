// What the server did, in Prometheus' text format.
// https://prometheus.io/docs/instrumenting/exposition_formats/

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Series {
  counts: number[];
  sum: number;
  total: number;
}

/** Counts requests by method, endpoint and status, with a histogram of their durations in seconds. */
export class RequestMetrics {
  readonly #series = new Map<string, Series>();

  /** Adds one request; `route` is the endpoint's pattern, never the client's text. */
  observe(method: string, route: string, status: number, seconds: number): void {
    const labels = `method="${method}",path="${route}",status="${status}"`;
    let series = this.#series.get(labels);
    if (series === undefined) {
      series = { counts: buckets.map(() => 0), sum: 0, total: 0 };
      this.#series.set(labels, series);
    }
    for (const [index, bound] of buckets.entries()) {
      if (seconds <= bound) series.counts[index] = (series.counts[index] ?? 0) + 1;
    }
    series.sum += seconds;
    series.total += 1;
  }

  /** Returns all series, with the memory and processor time of the process. */
  render(): string {
    const lines = [
      "# HELP sconce_http_request_duration_seconds Time from a request to the end of its answer.",
      "# TYPE sconce_http_request_duration_seconds histogram",
    ];
    const name = "sconce_http_request_duration_seconds";
    for (const [labels, { counts, sum, total }] of this.#series) {
      for (const [index, bound] of buckets.entries()) {
        lines.push(`${name}_bucket{${labels},le="${bound}"} ${counts[index]}`);
      }
      lines.push(`${name}_bucket{${labels},le="+Inf"} ${total}`);
      lines.push(`${name}_sum{${labels}} ${sum}`, `${name}_count{${labels}} ${total}`);
    }
    const { user, system } = process.cpuUsage();
    lines.push(
      "# HELP process_resident_memory_bytes Resident memory of the server.",
      "# TYPE process_resident_memory_bytes gauge",
      `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
      "# HELP process_cpu_seconds_total Processor time that the server has used.",
      "# TYPE process_cpu_seconds_total counter",
      `process_cpu_seconds_total ${(user + system) / 1e6}`,
    );
    return `${lines.join("\n")}\n`;
  }
}
