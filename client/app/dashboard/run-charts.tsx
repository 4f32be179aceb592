// Run charts: the curves of one run, a line per quantity, or of several, a line per run.

import type { RunSnapshot } from "../../../proto/dashboard.js";
import {
  COMPARED_CHARTS,
  type ComparedChart,
  RUN_CHARTS,
  type RunChart,
  tickText,
  valueText,
} from "../../../proto/run-charts.js";
import { type ChartLine, LineChart } from "../design/line-chart.js";

type Curves = RunSnapshot["curves"];

function lineOf(
  curves: Curves,
  column: string,
  look: Pick<ChartLine, "label" | "color">,
  scale = 1,
): ChartLine[] {
  const curve = curves[column];
  if (!curve) return [];
  const values = scale === 1 ? curve.values : curve.values.map((value) => value * scale);
  return [{ ...look, steps: curve.steps, values }];
}

function Chart({ chart, lines }: { chart: RunChart | ComparedChart; lines: readonly ChartLine[] }) {
  const { title, subtitle, range, unit } = chart;
  return (
    <LineChart
      title={title}
      subtitle={subtitle}
      range={range}
      lines={lines}
      valueText={(value) => valueText(unit, value)}
      tickText={(value) => tickText(unit, value)}
    />
  );
}

export function RunCharts({ curves }: { curves: Curves }) {
  return (
    <div class="charts">
      {RUN_CHARTS.map((chart) => (
        <Chart
          key={`${chart.title} ${chart.subtitle}`}
          chart={chart}
          lines={chart.lines.flatMap((line) => lineOf(curves, line.column, line, chart.scale))}
        />
      ))}
    </div>
  );
}

export function ComparedCharts({ runs }: { runs: readonly RunSnapshot[] }) {
  return (
    <div class="charts">
      {COMPARED_CHARTS.map((chart) => (
        <Chart
          key={chart.column}
          chart={chart}
          lines={runs.flatMap(({ name, curves }, color) =>
            lineOf(curves, chart.column, { label: name, color }, chart.scale),
          )}
        />
      ))}
    </div>
  );
}
