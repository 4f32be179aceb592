// Line chart: lines over steps as SVG at the size of its box, a readout that pointer and arrow keys move, and the same
// numbers as a table. Lines differ in color and in dashes, so that neither eyes nor forced colors lose them.

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Table } from "./table.js";

export interface ChartLine {
  label: string;
  /** Index of a series color. */
  color: number;
  /** x and y of its points, x ascending. */
  steps: readonly number[];
  values: readonly number[];
}

export interface LineChartProps {
  title: string;
  subtitle?: string;
  lines: readonly ChartLine[];
  /** At least this range; values beyond it extend it. */
  range: readonly [low: number, high: number];
  valueText(value: number): string;
  tickText(value: number): string;
}

const HEIGHT = 220;
const MARGIN = { left: 52, right: 14, top: 12, bottom: 30 };
const SERIES = 6;
/** Rows of the table, evenly spaced. */
const MOST_ROWS = 12;

/** About `count` round values from `low` to `high`; `isWhole`: whole numbers alone. */
function ticks(low: number, high: number, count: number, isWhole = false): number[] {
  const rough = Math.max(isWhole ? 1 : 0, (high - low) / count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factors = isWhole && power === 1 ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10];
  const unit = factors.find((factor) => factor * power >= rough) ?? 10;
  const step = unit * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

/** Index of the point nearest to `step`. */
function nearest(steps: readonly number[], step: number): number {
  let best = 0;
  for (let index = 1; index < steps.length; index++)
    if (Math.abs(steps[index] - step) < Math.abs(steps[best] - step)) best = index;
  return best;
}

interface Scales {
  x(step: number): number;
  y(value: number): number;
  stepAt(x: number): number;
  steps: number[];
  values: number[];
}

function scalesOf(
  lines: readonly ChartLine[],
  [low, high]: readonly [number, number],
  width: number,
): Scales {
  const all = lines.flatMap(({ values }) => values);
  const bottom = all.reduce((a, b) => Math.min(a, b), low);
  const highest = all.reduce((a, b) => Math.max(a, b), high);
  const top = highest > bottom ? highest : bottom + 1;
  const last = lines.reduce((most, { steps }) => Math.max(most, steps.at(-1) ?? 0), 1);
  const inner = Math.max(1, width - MARGIN.left - MARGIN.right);
  const drawn = HEIGHT - MARGIN.top - MARGIN.bottom;
  return {
    x: (step) => MARGIN.left + (step / last) * inner,
    y: (value) => MARGIN.top + ((top - value) / (top - bottom)) * drawn,
    stepAt: (x) => ((x - MARGIN.left) / inner) * last,
    steps: ticks(0, last, Math.max(2, Math.floor(inner / 90)), true),
    values: ticks(bottom, top, 5),
  };
}

const shortNumber = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const wholeNumber = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function pathOf({ steps, values }: ChartLine, { x, y }: Scales): string {
  return steps
    .map((step, i) => `${i === 0 ? "M" : "L"}${x(step).toFixed(1)} ${y(values[i]).toFixed(1)}`)
    .join("");
}

/** The numbers behind the lines, of a few steps. */
function ChartTable({ title, lines, valueText }: Pick<LineChartProps, "title" | "lines" | "valueText">) {
  const longest = lines.reduce((most, line) => (line.steps.length > most.steps.length ? line : most));
  const count = Math.min(MOST_ROWS, longest.steps.length);
  const rows = Array.from({ length: count }, (_, row) => {
    const step = longest.steps[Math.round(((row + 1) * longest.steps.length) / count - 1)];
    const cells = lines.map(({ steps, values }) => valueText(values[nearest(steps, step)]));
    return [wholeNumber.format(step), ...cells];
  });
  return (
    <Table title={`Table: ${title}`} columns={["step", ...lines.map(({ label }) => label)]} rows={rows} />
  );
}

/** The last values in a sentence, for those who cannot see the lines. */
function summary({ title, lines, valueText }: LineChartProps): string {
  const last = lines.map(({ label, values }) => `${label} ${valueText(values.at(-1) ?? Number.NaN)}`);
  return `${title} over the steps. Last: ${last.join(", ")}. Left and right arrows read other steps.`;
}

/** Nothing where no line has a point. */
export function LineChart(props: LineChartProps) {
  const { title, subtitle, range, valueText, tickText } = props;
  const lines = props.lines.filter(({ steps }) => steps.length > 0);
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(380);
  const [cursor, setCursor] = useState<number | null>(null);
  const caption = useId();
  useEffect(() => {
    if (!box.current) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [lines.length === 0]);
  const [isTableOpen, setTableOpen] = useState(false);
  if (lines.length === 0) return null;
  const scales = scalesOf(lines, range, width);
  const longest = lines.reduce((most, line) => (line.steps.length > most.steps.length ? line : most));
  const shown =
    cursor === null ? (longest.steps.at(-1) as number) : longest.steps[nearest(longest.steps, cursor)];
  const onKeyDown = (event: KeyboardEvent) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") setCursor(null);
    if (move === undefined) return;
    event.preventDefault();
    const at = nearest(longest.steps, shown) + move;
    setCursor(longest.steps[Math.min(longest.steps.length - 1, Math.max(0, at))]);
  };
  return (
    <figure class="chart">
      <figcaption id={caption}>
        <span class="chart-title">{title}</span> <span class="quiet">{subtitle}</span>
      </figcaption>
      <p class="chart-readout" aria-live={cursor === null ? "off" : "polite"}>
        <span class="quiet">step {wholeNumber.format(shown)}</span>
        {lines.map((line) => (
          <span key={line.label} class={`chart-key series-${line.color % SERIES}`}>
            <svg class="chart-dash" viewBox="0 0 22 4" aria-hidden="true">
              <path d="M0 2H22" />
            </svg>
            {lines.length > 1 && `${line.label} `}
            <b>{valueText(line.values[nearest(line.steps, shown)])}</b>
          </span>
        ))}
      </p>
      <div ref={box}>
        <svg
          class="chart-plot"
          width={width}
          height={HEIGHT}
          viewBox={`0 0 ${width} ${HEIGHT}`}
          role="img"
          aria-label={summary({ ...props, lines })}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys read the values
          tabIndex={0}
          onKeyDown={onKeyDown}
          onPointerMove={({ offsetX }) => setCursor(scales.stepAt(offsetX))}
          onPointerLeave={() => setCursor(null)}
          onBlur={() => setCursor(null)}
        >
          <g class="chart-grid">
            {scales.values.map((value) => (
              <g key={value}>
                <path d={`M${MARGIN.left} ${scales.y(value).toFixed(1)}H${width - MARGIN.right}`} />
                <text x={MARGIN.left - 8} y={scales.y(value)} dy="0.32em" text-anchor="end">
                  {tickText(value)}
                </text>
              </g>
            ))}
            {scales.steps.map((step) => (
              <text key={step} x={scales.x(step)} y={HEIGHT - 10} text-anchor="middle">
                {shortNumber.format(step)}
              </text>
            ))}
          </g>
          {lines.map((line) => (
            <g key={line.label} class={`series-${line.color % SERIES}`}>
              <path class="chart-line" d={pathOf(line, scales)} />
              <circle
                cx={scales.x(line.steps[nearest(line.steps, shown)])}
                cy={scales.y(line.values[nearest(line.steps, shown)])}
                r="3.2"
              />
            </g>
          ))}
          {cursor !== null && (
            <path
              class="chart-cursor"
              d={`M${scales.x(shown).toFixed(1)} ${MARGIN.top}V${HEIGHT - MARGIN.bottom}`}
            />
          )}
        </svg>
      </div>
      <details class="chart-table" onToggle={({ currentTarget }) => setTableOpen(currentTarget.open)}>
        <summary>Table</summary>
        {isTableOpen && <ChartTable title={title} lines={lines} valueText={valueText} />}
      </details>
    </figure>
  );
}
