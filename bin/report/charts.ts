// Charts: static SVG by Observable Plot, in the colors of the page's style sheet, so that they follow light and dark.

import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { escapeControls } from "../../runtime/errors.js";
import { Html } from "./html.js";
import type { Point, Series } from "./series.js";

/** Where Plot draws: it asks for the DOM, of which it needs little more than elements with attributes. */
const { document } = parseHTML("<!doctype html><html><body></body></html>");

/** Text of 12 pixels stays legible where a phone of 360 pixels scales a chart down to 328. */
const WIDTH = 380;
const FONT = 12;

/** CSS colors of the series, in the order of `--series-1` … of the style sheet. */
const MOST_SERIES = 6;
export const seriesColor = (index: number): string => `var(--series-${(index % MOST_SERIES) + 1})`;

type PlotOptions = NonNullable<Parameters<typeof Plot.plot>[0]>;

function draw(options: PlotOptions, describedBy: string): Html {
  const common = {
    document: document as unknown as Document,
    className: "plot",
    width: WIDTH,
    style: { fontSize: `${FONT}px`, background: "none", overflow: "visible" },
    ariaLabel: describedBy,
  };
  const figure = Plot.plot({ ...common, ...options });
  figure.setAttribute("role", "img");
  return new Html(figure.outerHTML);
}

/** A name from outside in a chart: on one line, at most `most` characters, cut in the middle. */
export function short(name: string, most: number): string {
  const text = [...escapeControls(name)];
  if (text.length <= most) return text.join("");
  const tail = Math.floor((most - 1) / 2);
  return `${text.slice(0, most - 1 - tail).join("")}…${text.slice(text.length - tail).join("")}`;
}

/** Moves labels apart that would overlap: values at least `gap` apart within `low` … `high`, in their order. */
export function spread(values: readonly number[], gap: number, low: number, high: number): number[] {
  const order = values.map((_, index) => index).sort((a, b) => values[a] - values[b]);
  const placed = values.map((value) => Math.min(Math.max(value, low), high));
  for (let i = 1; i < order.length; i++)
    placed[order[i]] = Math.max(placed[order[i]], placed[order[i - 1]] + gap);
  let limit = high;
  for (const index of order.reverse()) {
    placed[index] = Math.min(placed[index], limit);
    limit = placed[index] - gap;
  }
  return placed;
}

export interface LineChart {
  series: readonly Series[];
  /** For screen readers, and where the page names the chart. */
  title: string;
  /** At least this range; values beyond it extend it. */
  range: readonly [low: number, high: number];
  /** A value at the end of its line. */
  format: (value: number) => string;
  /** A tick of the vertical axis; default Plot's. */
  tickFormat?: (value: number) => string;
  /** Index of the color of each series, where it is not its place. */
  colors?: readonly number[];
}

const HEIGHT = 230;
const MARGIN = { marginLeft: 46, marginTop: 14, marginBottom: 38 };
/** Width of a character of a label; digits and small letters of system-ui in bold are narrower. */
const CHARACTER = 7.2;
/** A line of few points shows each of them. */
const MOST_DOTS = 40;

/** Lines over the steps, each with its last value at its end, and where there are several its name. Null where there is nothing to draw. */
export function lineChart({ series, title, range, format, tickFormat, colors }: LineChart): Html | null {
  const drawn = series
    .map((entry, index) => ({ ...entry, color: seriesColor(colors?.[index] ?? index) }))
    .filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return null;
  const all = drawn.flatMap(({ points }) => points);
  const lowest = all.reduce((low, { y }) => Math.min(low, y), range[0]);
  const highest = all.reduce((high, { y }) => Math.max(high, y), range[1]);
  const top = highest > lowest ? highest : lowest + 1;
  const pixels = HEIGHT - MARGIN.marginTop - MARGIN.marginBottom;
  const heightOf = (y: number): number => MARGIN.marginTop + ((top - y) / (top - lowest)) * pixels;
  const ends = drawn.map(({ points }) => points[points.length - 1] as Point);
  const labelHeights = spread(
    ends.map(({ y }) => heightOf(y)),
    FONT + 3,
    MARGIN.marginTop,
    HEIGHT - MARGIN.marginBottom,
  );
  const lastStep = all.reduce((last, { x }) => Math.max(last, x), 1);
  const lines = drawn.flatMap(({ points, color }) => [
    Plot.line(points, { x: "x", y: "y", stroke: color, strokeWidth: 1.8 }),
    ...(points.length <= MOST_DOTS ? [Plot.dot(points, { x: "x", y: "y", fill: color, r: 2.2 })] : []),
  ]);
  const texts = drawn.map(({ label }, index) =>
    drawn.length === 1 ? format(ends[index].y) : `${label} ${format(ends[index].y)}`,
  );
  const labels = drawn.map(({ color }, index) =>
    Plot.text([texts[index]], {
      x: [lastStep],
      y: [ends[index].y],
      dx: 7,
      dy: labelHeights[index] - heightOf(ends[index].y),
      textAnchor: "start",
      fill: color,
      fontWeight: 600,
    }),
  );
  return draw(
    {
      height: HEIGHT,
      ...MARGIN,
      marginRight: 14 + CHARACTER * Math.max(...texts.map((text) => text.length)),
      x: {
        label: "step",
        domain: [0, lastStep],
        ticks: 4,
        tickFormat: "~s",
        labelAnchor: "center",
        labelArrow: "none",
        labelOffset: 34,
      },
      y: { label: null, domain: [lowest, top], grid: true, ticks: 5, ...(tickFormat && { tickFormat }) },
      marks: [...lines, ...labels],
    },
    title,
  );
}

export interface Bar {
  label: string;
  /** 0 … 100; null draws none. */
  value: number | null;
  /** At the bar's end. */
  text: string;
}

const BAR_HEIGHT = 19;

/** Percentages as horizontal bars from 0 to 100, in the given order. */
export function percentBars(bars: readonly Bar[], title: string): Html {
  const rows = bars.map(({ label, value, text }, index) => ({ index, label: short(label, 18), value, text }));
  return draw(
    {
      height: bars.length * BAR_HEIGHT + 34,
      marginLeft: 118,
      marginRight: 66,
      marginTop: 6,
      marginBottom: 28,
      x: { domain: [0, 100], ticks: 5, tickFormat: (value: number) => `${value}%`, label: null, grid: true },
      y: {
        domain: rows.map(({ index }) => index),
        label: null,
        tickSize: 0,
        tickFormat: (i: number) => rows[i].label,
      },
      marks: [
        Plot.barX(rows, {
          x: ({ value }) => value ?? 0,
          y: "index",
          fill: seriesColor(0),
          insetTop: 2,
          insetBottom: 2,
        }),
        Plot.text(rows, {
          x: ({ value }) => value ?? 0,
          y: "index",
          text: "text",
          textAnchor: "start",
          dx: 5,
          fill: "currentColor",
        }),
        Plot.ruleX([0]),
      ],
    },
    title,
  );
}

/** Counts as horizontal bars from 0, in the given order. */
export function countBars(bars: readonly { label: string; count: number }[], title: string): Html {
  const rows = bars.map(({ label, count }, index) => ({ index, label: short(label, 34), count }));
  return draw(
    {
      height: bars.length * BAR_HEIGHT + 10,
      marginLeft: 226,
      marginRight: 40,
      marginTop: 4,
      marginBottom: 6,
      x: { axis: null, domain: [0, Math.max(1, ...rows.map(({ count }) => count))] },
      y: {
        domain: rows.map(({ index }) => index),
        label: null,
        tickSize: 0,
        tickFormat: (i: number) => rows[i].label,
      },
      marks: [
        Plot.barX(rows, { x: "count", y: "index", fill: seriesColor(1), insetTop: 2, insetBottom: 2 }),
        Plot.text(rows, {
          x: "count",
          y: "index",
          text: "count",
          textAnchor: "start",
          dx: 5,
          fill: "currentColor",
        }),
        Plot.ruleX([0]),
      ],
    },
    title,
  );
}

/** How many classes have which accuracy: ten bins from 0 to 100. */
export function accuracyHistogram(accuracies: readonly number[], title: string): Html {
  const bins = Array.from({ length: 10 }, (_, bin) => ({ low: bin * 10, high: bin * 10 + 10, classes: 0 }));
  for (const value of accuracies) bins[Math.min(9, Math.floor(value / 10))].classes++;
  return draw(
    {
      height: HEIGHT,
      ...MARGIN,
      marginRight: 12,
      x: { domain: [0, 100], label: "top-1 of a class, %", ticks: 5 },
      y: { label: "classes", grid: true, ticks: 5 },
      marks: [
        Plot.rectY(bins, { x1: "low", x2: "high", y: "classes", fill: seriesColor(0), inset: 1 }),
        Plot.ruleY([0]),
      ],
    },
    title,
  );
}

export interface ConfusionCell {
  /** Place of the class in `labels`. */
  row: number;
  column: number;
  images: number;
  /** Of the row's images, 0 … 1. */
  fraction: number;
}

/** Up to this many classes, cells are large enough for a number. */
const MOST_NUMBERS = 12;

/** Rows: the class of the picture; columns: the answer. Shade: the fraction of the row's pictures. */
export function confusionMatrix(
  labels: readonly string[],
  cells: readonly ConfusionCell[],
  title: string,
): Html {
  const classes = labels.map((_, index) => index);
  const numbers = labels.length <= MOST_NUMBERS;
  const side = Math.max(20, Math.min(30, Math.floor(300 / labels.length)));
  const name = (index: number): string => short(labels[index], 14);
  const margin = 12 + 7 * Math.max(...classes.map((index) => name(index).length));
  const size = side * labels.length;
  return draw(
    {
      width: margin + size + 8,
      height: margin + size + 8,
      marginLeft: margin,
      marginTop: margin,
      marginRight: 8,
      marginBottom: 8,
      padding: 0,
      x: { domain: classes, axis: "top", label: null, tickSize: 0, tickRotate: -90, tickFormat: name },
      y: { domain: classes, label: null, tickSize: 0, tickFormat: name },
      marks: [
        Plot.cell(cells, {
          x: "column",
          y: "row",
          fill: ({ row, column }) => (row === column ? seriesColor(0) : seriesColor(1)),
          fillOpacity: ({ fraction }) => Math.max(0.06, fraction),
          inset: 0.5,
        }),
        ...(numbers
          ? [
              Plot.text(cells, {
                x: "column",
                y: "row",
                text: ({ images }) => String(images),
                fill: ({ fraction }) => (fraction > 0.55 ? "var(--on-series)" : "currentColor"),
              }),
            ]
          : []),
        Plot.frame({ stroke: "currentColor", strokeOpacity: 0.25 }),
      ],
      color: { type: "identity" },
      opacity: { type: "identity" },
    } as PlotOptions,
    title,
  );
}
