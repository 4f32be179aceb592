// Run curve: a quantity over the steps of a run of any length, in bounded memory: consecutive values become their mean,
// of twice as many each time that the curve is full.

export interface CurvePoints {
  /** The last step of each point's values. */
  steps: number[];
  /** Their means. */
  values: number[];
}

/** More than a chart can show, after which neighbors are joined. */
const MOST_POINTS = 600;

export class RunCurve {
  readonly #steps: number[] = [];
  readonly #values: number[] = [];
  /** Values of a whole point, and those of the last one. */
  #size = 1;
  #last = 1;

  constructor({ steps, values }: CurvePoints = { steps: [], values: [] }) {
    for (const [index, step] of steps.entries()) this.add(step, values[index]);
  }

  /** Values that are not finite are left out. */
  add(step: number, value: number): void {
    if (!Number.isFinite(value)) return;
    const end = this.#values.length - 1;
    if (this.#last < this.#size && end >= 0) {
      this.#values[end] += (value - this.#values[end]) / ++this.#last;
      this.#steps[end] = step;
      return;
    }
    if (end + 1 === MOST_POINTS) this.#halve();
    this.#steps.push(step);
    this.#values.push(value);
    this.#last = 1;
  }

  #halve(): void {
    for (let point = 0; 2 * point < MOST_POINTS; point++) {
      this.#steps[point] = this.#steps[2 * point + 1];
      this.#values[point] = (this.#values[2 * point] + this.#values[2 * point + 1]) / 2;
    }
    this.#steps.length = this.#values.length = MOST_POINTS / 2;
    this.#size *= 2;
  }

  points(): CurvePoints {
    return { steps: [...this.#steps], values: [...this.#values] };
  }
}

/** Curves by the names of their columns. */
export class RunCurves {
  readonly #curves = new Map<string, RunCurve>();

  constructor(points: Readonly<Record<string, CurvePoints>> = {}) {
    for (const [column, curve] of Object.entries(points)) this.#curves.set(column, new RunCurve(curve));
  }

  add(step: number, values: Readonly<Record<string, number | null | undefined>>): void {
    for (const [column, value] of Object.entries(values)) {
      if (typeof value !== "number" || !Number.isFinite(value)) continue;
      const curve = this.#curves.get(column) ?? new RunCurve();
      this.#curves.set(column, curve);
      curve.add(step, value);
    }
  }

  points(): Record<string, CurvePoints> {
    return Object.fromEntries([...this.#curves].map(([column, curve]) => [column, curve.points()]));
  }
}
