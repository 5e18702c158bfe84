// Colours and type of all plots. The background is explicit white, so that dark viewers show the same picture.

export const theme = {
  font: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif",
  background: "#ffffff",
  text: "#24292f",
  muted: "#57606a",
  grid: "#e6e8eb",
  axis: "#8c959f",
  /** Okabe and Ito's colours, told apart with any colour vision; yellow is left out, it fades on white. */
  series: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5e3c99", "#6e6e6e"],
  /** Dashes for series beyond the colours. */
  dashes: [undefined, "6 3", "2 3", "8 3 2 3"],
} as const;

/** Returns the colour and dash of the n-th series. */
export function seriesStyle(index: number): { stroke: string; "stroke-dasharray": string | undefined } {
  const colours = theme.series.length;
  return {
    stroke: theme.series[index % colours]!,
    "stroke-dasharray": theme.dashes[Math.floor(index / colours) % theme.dashes.length],
  };
}

/** Returns a colour from pale (0) to dark (1): blue for what is right, orange for what is wrong. */
export function heatColour(share: number, kind: HeatKind): string {
  const colours = heat[kind];
  const position = Math.min(Math.max(share, 0), 1) * (colours.length - 1);
  const index = Math.min(Math.floor(position), colours.length - 2);
  const channels = colours[index]!.map((from, channel) =>
    Math.round(from + (colours[index + 1]![channel]! - from) * (position - index)),
  );
  return `#${channels.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}

export type HeatKind = "right" | "wrong";

/** Returns the colour of text on a heat colour, dark or white, whichever has more contrast. */
export function textOnHeat(share: number): string {
  return share > 0.65 ? theme.background : theme.text;
}

// ColorBrewer's Blues and Oranges (colorbrewer2.org); even a single row of a class is visibly tinted
const heat: Record<HeatKind, readonly (readonly number[])[]> = {
  right: [
    [239, 246, 252],
    [198, 219, 239],
    [107, 174, 214],
    [33, 113, 181],
    [8, 48, 107],
  ],
  wrong: [
    [255, 243, 230],
    [253, 208, 162],
    [253, 141, 60],
    [217, 72, 1],
    [127, 39, 4],
  ],
};
