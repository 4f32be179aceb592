// Curves: loss over steps, and accuracy on the pictures that were held back. Each is a line with a table behind it for
// those who cannot see it.

import type { TrainedEvaluation, TrainedStep } from "../../browser/train/contract.js";

interface Point {
  x: number;
  y: number;
}

const WIDTH = 320;
const HEIGHT = 120;
/** Room for the numbers at the edges. */
const INSET = { left: 34, right: 6, top: 8, bottom: 18 };
/** Rows of a table: the first, the last and what is evenly between. */
const MOST_ROWS = 12;

interface CurveProps {
  title: string;
  points: readonly Point[];
  /** Of the whole run. */
  steps: number;
  most: number;
  format(value: number): string;
}

function Curve({ title, points, steps, most, format }: CurveProps) {
  const across = (x: number) => INSET.left + ((WIDTH - INSET.left - INSET.right) * x) / Math.max(1, steps);
  const up = (y: number) => {
    const inside = HEIGHT - INSET.top - INSET.bottom;
    return INSET.top + inside * (1 - Math.min(1, Math.max(0, y / Math.max(most, 1e-9))));
  };
  const line = points.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${across(x)} ${up(y)}`).join("");
  const last = points.at(-1);
  const every = Math.max(1, Math.ceil(points.length / MOST_ROWS));
  const rows = points.filter((_, index) => index % every === 0 || index === points.length - 1);
  return (
    <figure class="curve">
      <figcaption class="curve-title">
        <span>{title}</span>
        <span class="curve-now">{last ? format(last.y) : "–"}</span>
      </figcaption>
      <svg class="curve-plot" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
        <path
          class="curve-axis"
          d={`M${INSET.left} ${INSET.top}V${HEIGHT - INSET.bottom}H${WIDTH - INSET.right}`}
        />
        <text class="curve-number" x={INSET.left - 4} y={INSET.top + 8} text-anchor="end">
          {format(most)}
        </text>
        <text class="curve-number" x={WIDTH - INSET.right} y={HEIGHT - 4} text-anchor="end">
          {`step ${steps}`}
        </text>
        <path class="curve-line" d={line} />
        {last && <circle class="curve-dot" cx={across(last.x)} cy={up(last.y)} r={3.5} />}
      </svg>
      <table class="visually-hidden">
        <caption>{title}</caption>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">{title}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ x, y }) => (
            <tr key={x}>
              <td>{x}</td>
              <td>{format(y)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}

interface CurvesProps {
  steps: readonly TrainedStep[];
  evaluations: readonly TrainedEvaluation[];
  /** Of the whole run. */
  total: number;
}

export function Curves({ steps, evaluations, total }: CurvesProps) {
  const losses = steps.map(({ step, runningLoss }) => ({ x: step, y: runningLoss }));
  const most = Math.max(0.1, ...losses.map(({ y }) => y));
  return (
    <div class="curves">
      <Curve title="Loss" points={losses} steps={total} most={most} format={(value) => value.toFixed(2)} />
      {evaluations.length > 0 && (
        <Curve
          title="Right on pictures held back"
          points={evaluations.map(({ step, top1 }) => ({ x: step, y: top1 }))}
          steps={total}
          most={100}
          format={(value) => `${Math.round(value)}%`}
        />
      )}
    </div>
  );
}
