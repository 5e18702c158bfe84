import { describe, expect, test } from "vitest";
import {
  barChart,
  confusionPlot,
  lineChart,
  precisionRecallPlot,
  reliabilityPlot,
  rocPlot,
} from "./index.ts";
import type { LineSeries } from "./index.ts";

const hostile = `<script>alert("1")</script> & 'x' \u0000\u202Egnol \uD800 ${"very long ".repeat(30)}`;

function lines(series: readonly LineSeries[], yScale: "linear" | "log" = "linear"): string {
  return lineChart({ title: "Loss", xLabel: "step", yLabel: "nats", series, yScale });
}

/** Every plot, with names that try to break out of it. */
function everyPlot(name: string): Record<string, string> {
  const title = name;
  return {
    line: lineChart({
      title,
      xLabel: name,
      yLabel: name,
      series: [0, 1].map((k) => ({ name, x: [0, 1], y: [k, 2] })),
    }),
    confusion: confusionPlot({ title, classNames: [name, name], matrix: [[3, 1], [0, 4]] }), // prettier-ignore
    roc: rocPlot({ title, curves: [{ name, fpr: [0, 0.2, 1], tpr: [0, 0.9, 1], area: 0.85 }] }),
    precisionRecall: precisionRecallPlot({ title, curves: [{ name, precision: [0.5, 1], recall: [1, 0] }] }),
    reliability: reliabilityPlot({
      title,
      bins: [{ lower: 0, upper: 1, rows: 4, confidence: 0.8, accuracy: 0.5 }],
    }),
    bars: barChart({
      title,
      valueLabel: name,
      bars: [{ label: name, value: 0.5, low: 0.4, high: 0.6, note: name }],
    }),
  };
}

/** Throws unless the text is well-formed XML of elements, attributes and text, with finite numbers alone. */
function checkSvg(svg: string): void {
  const open: string[] = [];
  const rest = svg.replace(
    /<(\/?)([a-z]+)((?: [a-zA-Z0-9-]+="[^"<]*")*)(\/?)>/g,
    (_, close, name, attributes, empty) => {
      if (/NaN|Infinity|undefined/.test(attributes as string))
        throw new Error(`not finite: ${attributes as string}`);
      if (close === "/") expect(open.pop()).toBe(name);
      else if (empty !== "/") open.push(name as string);
      return "";
    },
  );
  expect(open).toEqual([]);
  expect(rest).not.toMatch(/[<>]/);
  expect(rest.replace(/&(amp|lt|gt|quot|#39);/g, "")).not.toContain("&");
  expect(svg.trimEnd()).not.toMatch(/[\p{Cc}\u202A-\u202E]|\p{Surrogate}/u);
}

describe("every plot", () => {
  for (const [kind, svg] of Object.entries(everyPlot(hostile))) {
    test(`${kind}: hostile names stay text`, () => {
      checkSvg(svg);
      expect(svg).not.toContain("<script");
      expect(svg).toContain("&lt;script&gt;");
    });
  }
  for (const [kind, svg] of Object.entries(everyPlot("spam"))) {
    test(`${kind}: is the same each time, on white, with its title and no reference outside itself`, () => {
      checkSvg(svg);
      expect(everyPlot("spam")[kind]).toBe(svg);
      expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
      expect(svg).toContain("<title>spam</title>");
      expect(svg).toContain('fill="#ffffff"');
      expect(svg.replace("http://www.w3.org/2000/svg", "")).not.toMatch(/href|url\(|@import|http/);
    });
  }
});

describe("lineChart", () => {
  const paths = (svg: string) => [...svg.matchAll(/<path d="([^"]*)"/g)].map((match) => match[1]!);
  const dots = (svg: string) => svg.match(/<circle/g)?.length ?? 0;

  test("a missing value is a gap, and a point without neighbours a dot", () => {
    const svg = lines([{ name: "a", x: [0, 1, 2, 3, 4, 5, 6], y: [1, 2, NaN, 3, Infinity, 4, 5] }]);
    checkSvg(svg);
    expect(paths(svg).length).toBe(2);
    expect(dots(svg)).toBe(5);
  });

  test("points are drawn where the axes say", () => {
    const svg = lines([{ name: "a", x: [0, 5, 10], y: [0, 50, 100] }]);
    const [[x0, y0], [x1, y1], [x2, y2]] = paths(svg)[0]!
      .slice(1)
      .split("L")
      .map((pair) => pair.split(" ").map(Number)) as [number, number][] as [
      [number, number],
      [number, number],
      [number, number],
    ];
    expect(x1 - x0).toBeCloseTo(x2 - x1, 1);
    expect(y0 - y1).toBeCloseTo(y1 - y2, 1);
    const ticks = [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)"[^>]*>(0|10|100)<\/text>/g)];
    const place = (label: string) => ticks.filter((tick) => tick[3] === label).map((tick) => Number(tick[1]));
    expect(place("10")).toEqual([x2]);
    expect(place("100").length).toBe(1);
    expect(y2).toBeLessThan(y0);
  });

  test("a log axis leaves out values that have no logarithm", () => {
    const svg = lines([{ name: "lr", x: [0, 1, 2, 3], y: [0, 1e-5, 1e-3, -1] }], "log");
    checkSvg(svg);
    expect(dots(svg)).toBe(2);
    expect(svg).toContain(">10⁻⁴<");
    expect(svg).toContain(">3<"); // the gap keeps its place on the x axis
  });

  test("nothing to draw, one point, equal values and huge ranges all give a picture", () => {
    const cases: [number[], number[]][] = [
      [[], []],
      [[1, 2], [NaN, -Infinity]],
      [[7], [0.5]],
      [[0, 1], [0, 0]],
      [[0, 1], [1e300, 1e300]],
      [[0, 1, 2], [1e-300, 1e300, 5]],
      [[0, 1], [-1e308, 1e308]],
      [[1e15, 1e15 + 1], [1e9, 1e9 + 1e-6]],
      [[0, 1], [5e-324, 1e-323]],
    ]; // prettier-ignore
    for (const [x, y] of cases)
      for (const scale of ["linear", "log"] as const) checkSvg(lines([{ name: "a", x, y }], scale));
    expect(lines([{ name: "a", x: [], y: [] }])).toContain("no finite values");
  });

  test("a legend appears with the second series and wraps for many", () => {
    const series = (count: number) =>
      Array.from({ length: count }, (_, k) => ({ name: `run ${k}`, x: [0, 1], y: [k, k] }));
    const height = (svg: string) => Number(/height="(\d+)"/.exec(svg)![1]);
    expect(lines(series(1))).not.toContain("run 0");
    expect(lines(series(2))).toContain("run 1");
    expect(height(lines(series(30)))).toBeGreaterThan(height(lines(series(2))) + 40);
    // 32 series look different from each other
    const styles = [...lines(series(32)).matchAll(/<path [^>]*stroke-linejoin="round" ([^>]*)\/>/g)].map(
      (m) => m[1],
    );
    expect(new Set(styles).size).toBe(32);
  });

  test("half a million points make a small file that keeps the extremes", () => {
    const x = Float64Array.from({ length: 500_000 }, (_, i) => i);
    const y = x.map((step) => Math.sin(step / 9) + (step === 123_456 ? 40 : 0));
    const svg = lines([{ name: "a", x, y }]);
    expect(svg.length).toBeLessThan(80_000);
    expect(svg).toContain(">40<");
    const tops = paths(svg).map((d) =>
      Math.min(
        ...d
          .slice(1)
          .split("L")
          .map((pair) => Number(pair.split(" ")[1])),
      ),
    );
    expect(tops[0]).toBeLessThan(tops[1]! - 50); // the band reaches the spike, the mean does not
  });

  test("series of unequal lengths are refused", () => {
    expect(() => lines([{ name: "a", x: [1, 2], y: [1] }])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: lineChart: x and y of a series must be equally long, got 2 and 1 in "a". Use NaN for a missing value.]`,
    );
  });
});

describe("confusionPlot", () => {
  test("writes counts and shares of the true class", () => {
    const svg = confusionPlot({ classNames: ["ham", "spam"], matrix: [[8, 2], [0, 0]] }); // prettier-ignore
    expect(svg).toContain("8 of 10 rows right (80.0 %)");
    expect(svg).toContain("true ham, predicted spam: 2 (20.0 % of the class)");
    expect(svg).not.toContain("true spam"); // no rows of that class, so no share
  });

  test("names all of 77 classes and shows whole names as tooltips", () => {
    const classNames = Array.from(
      { length: 77 },
      (_, k) => `${k} ${"card payment not recognised ".repeat(3)}`,
    );
    const matrix = classNames.map((_, i) =>
      classNames.map((__, j) => (i === j ? 30 : (i * j) % 23 === 1 ? 1 : 0)),
    );
    const svg = confusionPlot({ classNames, matrix });
    checkSvg(svg);
    for (const name of classNames) expect(svg).toContain(`<title>${name}</title>`);
    expect(svg).toContain("…");
    expect(svg.length).toBeLessThan(300_000);
  });

  test("a matrix of another shape is refused, an empty one drawn", () => {
    expect(() => confusionPlot({ classNames: ["a"], matrix: [[1, 2]] })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: confusionPlot: matrix must be square with one row per class name, got 1 rows and 1 names. Count over all classes.]`,
    );
    expect(() => confusionPlot({ classNames: [], matrix: [] })).toThrow(/square/);
    expect(confusionPlot({ classNames: ["a"], matrix: [[0]] })).toContain("no rows");
  });
});

describe("curves", () => {
  test("the legend tells areas, and which curve is undefined", () => {
    const svg = rocPlot({
      curves: [
        { name: "spam", fpr: [0, 1], tpr: [0, 1], area: 0.5 },
        { name: "never", fpr: [0, 1], tpr: [NaN, NaN], area: NaN },
      ],
    });
    checkSvg(svg);
    expect(svg).toContain("AUC 0.500");
    expect(svg).toContain(">undefined<");
    expect(rocPlot({ curves: [] })).toContain("undefined: a class has no rows");
  });

  test("precision is held until the next recall", () => {
    const svg = precisionRecallPlot({ curves: [{ name: "a", recall: [1, 0.5, 0], precision: [0.5, 1, 1] }] });
    const d = /<path d="([^"]*)"[^>]*stroke-width="2"/.exec(svg)![1]!;
    const points = d.slice(1).split("L").map((pair) => pair.split(" ").map(Number)); // prettier-ignore
    for (let i = 1; i < points.length; i++) {
      const [[x0, y0], [x1, y1]] = [points[i - 1]!, points[i]!];
      expect(x0 === x1 || y0 === y1).toBe(true);
    }
  });

  test("guessing is drawn at the share of positive rows", () => {
    const curves = [{ name: "a", recall: [1, 0], precision: [0.5, 1] }];
    expect(precisionRecallPlot({ curves, prevalence: 0.25 })).toContain('stroke-dasharray="4 4"');
    expect(precisionRecallPlot({ curves })).not.toContain('stroke-dasharray="4 4"');
  });

  test("more than twenty curves are counted in the legend", () => {
    const curves = Array.from({ length: 77 }, (_, k) => ({ name: `class ${k}`, fpr: [0, 1], tpr: [0, 1] }));
    const svg = rocPlot({ curves });
    expect(svg).toContain("class 19");
    expect(svg).not.toContain("class 20");
    expect(svg).toContain("and 57 more");
  });

  test("a curve of unequal lengths is refused", () => {
    const curves = [{ name: "a", fpr: [0, 1], tpr: [0] }];
    expect(() => rocPlot({ curves })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: rocPlot: a curve must have as many x as y values, got 2 and 1. Pass a curve's own arrays.]`,
    );
  });
});

describe("reliabilityPlot", () => {
  test("bins without rows draw nothing, and none at all says so", () => {
    const empty = { lower: 0, upper: 0.5, rows: 0, confidence: NaN, accuracy: NaN };
    const full = { lower: 0.5, upper: 1, rows: 9, confidence: 0.9, accuracy: 0.7 };
    const svg = reliabilityPlot({ bins: [empty, full], calibrationError: 0.2 });
    checkSvg(svg);
    expect(svg).toContain("expected calibration error 0.2000, 9 rows");
    expect(svg).toContain("confidence 0.900, accuracy 0.700, 9 rows");
    expect(reliabilityPlot({ bins: [empty] })).toContain("no rows");
  });
});

describe("barChart", () => {
  test("an undefined value has a name and no bar", () => {
    const svg = barChart({ title: "F1", valueLabel: "F1", bars: [{ label: "never", value: NaN }] });
    checkSvg(svg);
    expect(svg).toContain(">undefined<");
    expect(svg.match(/<rect/g)!.length).toBe(1); // the background
  });

  test("bars stay inside a given axis, and negative ones point left", () => {
    const svg = barChart({
      title: "t",
      valueLabel: "v",
      domain: [-1, 1],
      bars: [
        { label: "a", value: 50, low: -9, high: 99 },
        { label: "b", value: -0.5 },
      ],
    });
    const [over, left] = [...svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)].map((m) => [
      Number(m[1]),
      Number(m[2]),
    ]) as [[number, number], [number, number]];
    expect(over[1]).toBe(210); // half of the frame
    expect(left[0] + left[1]).toBeCloseTo(over[0], 2);
    expect(svg).toContain("−0.500");
  });

  test("nothing to show is said", () => {
    expect(barChart({ title: "t", valueLabel: "v", bars: [] })).toContain("nothing to show");
  });
});
