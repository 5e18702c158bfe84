import { PassThrough } from "node:stream";
import { describe, expect, test, vi } from "vitest";
import { clock, formatBar, terminalProgress } from "./progress.ts";

const state = {
  name: "epoch 1/3",
  total: 1857,
  done: 938,
  detail: "loss 0.01909  val_loss 0.01903",
  seconds: 62,
  left: 61,
};

/** A stream that is a terminal of some width, or none, and keeps what is written. */
function stream(columns?: number) {
  const through = Object.assign(new PassThrough(), { isTTY: columns !== undefined, columns });
  let text = "";
  through.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { stream: through as unknown as NodeJS.WriteStream, text: () => text };
}

describe("a bar", () => {
  test("shows what is done, the time left and, where it fits, the detail", () => {
    expect(formatBar(state, 100)).toMatchInlineSnapshot(
      `"epoch 1/3 [########--------]  938/1857  1:02, 1:01 left  loss 0.01909  val_loss 0.01903"`,
    );
  });

  test("gives up the detail first, whole numbers at a time, then its own width, then the rest", () => {
    expect(formatBar(state, 79)).toMatchInlineSnapshot(
      `"epoch 1/3 [########--------]  938/1857  1:02, 1:01 left  loss 0.01909"`,
    );
    expect(formatBar(state, 60)).toMatchInlineSnapshot(
      `"epoch 1/3 [########--------]  938/1857  1:02, 1:01 left"`,
    );
    expect(formatBar(state, 49)).toMatchInlineSnapshot(`"epoch 1/3 [#####-----]  938/1857  1:02, 1:01 left"`);
    expect(formatBar(state, 40)).toMatchInlineSnapshot(`"epoch 1/3  938/1857  1:02, 1:01 left"`);
    expect(formatBar(state, 12)).toMatchInlineSnapshot(`"epoch 1/3"`);
  });

  test("never gets wider than the terminal", () => {
    for (let width = 0; width < 120; width++)
      expect(formatBar(state, width).length).toBeLessThanOrEqual(width);
  });

  test("of an unknown total counts", () => {
    const unknown = { ...state, total: undefined, left: undefined };
    expect(formatBar({ ...unknown, done: 0 }, 80)).toBe("epoch 1/3 ...");
    expect(formatBar(unknown, 80)).toBe("epoch 1/3 938");
  });

  test("is drawn over itself on a terminal, at most every 80 ms", () => {
    const terminal = stream(60);
    const progress = terminalProgress(terminal.stream);
    progress.start("scoring", 1000);
    for (let done = 1; done <= 1000; done++) progress.update(done);
    progress.end();
    const drawn = terminal.text().split("\r").slice(1);
    expect(drawn.length).toBeLessThan(20);
    expect(drawn.every((line) => line.replace("\n", "").endsWith("\x1b[K"))).toBe(true);
    expect(drawn.at(-1)?.replace("\x1b[K", "")).toMatch(/^scoring \[#{16}\] 1000\/1000 {2}0:0\d\n$/);
  });

  test("uses no colours", () => {
    const terminal = stream(60);
    const progress = terminalProgress(terminal.stream);
    progress.start("scoring", 2);
    progress.update(1);
    progress.end();
    expect(terminal.text().replaceAll("\x1b[K", "")).not.toContain("\x1b");
  });
});

describe("without a terminal", () => {
  test("there is a line when a phase begins and when it has ended, nothing drawn over", () => {
    const file = stream();
    const progress = terminalProgress(file.stream);
    progress.start("loading the model");
    progress.end();
    progress.start("epoch 1/3", 10);
    for (let done = 1; done <= 10; done++) progress.update(done, "loss 0.5");
    progress.end();
    expect(file.text()).toBe("loading the model ...\nepoch 1/3 ...\nepoch 1/3: 10/10, 0:00, loss 0.5\n");
  });

  test("a long phase says every 15 seconds how far it is", () => {
    vi.useFakeTimers();
    try {
      const file = stream();
      const progress = terminalProgress(file.stream);
      progress.start("epoch 1/1", 100);
      for (let done = 1; done <= 100; done++) {
        progress.update(done);
        vi.advanceTimersByTime(400);
      }
      progress.end();
      expect(file.text().split("\n")).toMatchInlineSnapshot(`
        [
          "epoch 1/1 ...",
          "epoch 1/1: 39/100, 0:15, 0:24 left",
          "epoch 1/1: 77/100, 0:30, 0:09 left",
          "epoch 1/1: 100/100, 0:40",
          "",
        ]
      `);
    } finally {
      vi.useRealTimers();
    }
  });

  test("the time left is that of a phase that goes on in its middle, not from its beginning", () => {
    vi.useFakeTimers();
    try {
      const file = stream();
      const progress = terminalProgress(file.stream);
      progress.start("epoch 2/2", 100);
      for (let done = 61; done <= 80; done++) {
        progress.update(done);
        vi.advanceTimersByTime(1000);
      }
      expect(file.text()).toContain("epoch 2/2: 76/100, 0:15, 0:24 left");
    } finally {
      vi.useRealTimers();
    }
  });

  test("a terminal that cannot move its cursor gets lines as well", () => {
    vi.stubEnv("TERM", "dumb");
    const terminal = stream(80);
    terminalProgress(terminal.stream).start("scoring");
    expect(terminal.text()).toBe("scoring ...\n");
    vi.unstubAllEnvs();
  });
});

test.each([
  [0, "0:00"],
  [59.6, "1:00"],
  [3599, "59:59"],
  [3723, "1:02:03"],
])("%d s read as %s", (seconds, text) => expect(clock(seconds)).toBe(text));
