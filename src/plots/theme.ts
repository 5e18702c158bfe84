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

/** Returns a blue between white (0) and dark (1). */
export function heatColour(share: number): string {
  const position = Math.min(Math.max(share, 0), 1) * (heat.length - 1);
  const index = Math.min(Math.floor(position), heat.length - 2);
  const channels = heat[index]!.map((from, channel) =>
    Math.round(from + (heat[index + 1]![channel]! - from) * (position - index)),
  );
  return `#${channels.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}

/** Returns the colour of text on a heat colour. */
export function textOnHeat(share: number): string {
  return share > 0.5 ? theme.background : theme.text;
}

const heat = [
  [255, 255, 255],
  [198, 219, 239],
  [107, 174, 214],
  [33, 113, 181],
  [8, 48, 107],
];
