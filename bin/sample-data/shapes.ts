// Shapes: the ten classes of the sample data set, each as a function that tells whether a point is inside.

/** Point in the shape's own frame: the shape roughly fills the unit circle, y points down. */
export type Inside = (x: number, y: number) => boolean;

type Point = readonly [x: number, y: number];

/** Even-odd rule over the edges of a closed polygon. */
function polygon(points: readonly Point[]): Inside {
  return (x, y) => {
    let inside = false;
    for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
      const [xi, yi] = points[i];
      const [xj, yj] = points[j];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
    }
    return inside;
  };
}

/** Corner coordinates are literals: the host's sine may differ in its last bit between engines. */
const STAR: Point[] = [
  [0, -1],
  [0.2245, -0.309],
  [0.9511, -0.309],
  [0.3633, 0.118],
  [0.5878, 0.809],
  [0, 0.382],
  [-0.5878, 0.809],
  [-0.3633, 0.118],
  [-0.9511, -0.309],
  [-0.2245, -0.309],
];

const ARROW: Point[] = [
  [0, -0.98],
  [0.72, -0.1],
  [0.27, -0.1],
  [0.27, 0.92],
  [-0.27, 0.92],
  [-0.27, -0.1],
  [-0.72, -0.1],
];

const TRIANGLE: Point[] = [
  [0, -0.95],
  [0.8227, 0.475],
  [-0.8227, 0.475],
];

function heart(x: number, y: number): boolean {
  const u = x * 1.25;
  const v = -(y - 0.1) * 1.25;
  const a = u * u + v * v - 1;
  return a * a * a - u * u * v * v * v < 0;
}

/** Class name → shape. Names sort as the class folders do, so the index of a class is its rank here. */
export const SHAPES: ReadonlyMap<string, Inside> = new Map<string, Inside>([
  ["arrow", polygon(ARROW)],
  ["crescent", (x, y) => x * x + y * y < 0.92 && (x - 0.45) * (x - 0.45) + y * y > 0.5],
  ["cross", (x, y) => Math.min(Math.abs(x), Math.abs(y)) < 0.27 && Math.max(Math.abs(x), Math.abs(y)) < 0.95],
  ["disc", (x, y) => x * x + y * y < 0.72],
  ["half", (x, y) => x * x + (y - 0.4) * (y - 0.4) < 1 && y < 0.4],
  ["heart", heart],
  ["ring", (x, y) => Math.abs(x * x + y * y - 0.55) < 0.33],
  ["square", (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.74],
  ["star", polygon(STAR)],
  ["triangle", polygon(TRIANGLE)],
]);
