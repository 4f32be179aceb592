// Fits the polynomial of gelu.ts: the upper tail of the normal distribution, Q(t) = ½·erfc(t/√2) = exp(−t²/2)·g(t),
// as g(t) ≈ s·(c0 + c1·s + … + cn·sⁿ) with s = 1/(1 + p·t). Prints the coefficients and the largest relative error in
// double and in float32; the winners are copied into gelu.ts by hand. `node assembly/nn/generate-normal-tail.mjs`
// runs in a second.

/** Where exp(−t²/2) leaves the normal float32 numbers. */
const LARGEST_T = 13.2;

/** ½·exp(z²)·erfc(z) in double: series of erf below 2, continued fraction (Abramowitz & Stegun 7.1.14) above. */
function halfScaledErfc(z) {
  if (z < 2) {
    let term = z;
    let sum = z;
    for (let n = 1; n < 80; n++) {
      term *= (2 * z * z) / (2 * n + 1);
      sum += term;
    }
    return 0.5 * Math.exp(z * z) - sum / Math.sqrt(Math.PI);
  }
  let fraction = z;
  for (let n = 400; n >= 1; n--) fraction = z + n / 2 / fraction;
  return 0.5 / (Math.sqrt(Math.PI) * fraction);
}

const g = (t) => halfScaledErfc(t / Math.SQRT2);

/** Solves a·x = b by elimination with pivoting. */
function solve(a, b) {
  const n = b.length;
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let r = i + 1; r < n; r++) if (Math.abs(a[r][i]) > Math.abs(a[pivot][i])) pivot = r;
    [a[i], a[pivot]] = [a[pivot], a[i]];
    [b[i], b[pivot]] = [b[pivot], b[i]];
    for (let r = i + 1; r < n; r++) {
      const factor = a[r][i] / a[i][i];
      for (let c = i; c < n; c++) a[r][c] -= factor * a[i][c];
      b[r] -= factor * b[i];
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let c = i + 1; c < n; c++) b[i] -= a[i][c] * b[c];
    b[i] /= a[i][i];
  }
  return b;
}

/** Interpolates at the Chebyshev nodes of [s(LARGEST_T), 1], scaled to relative error: within 2× of the best. */
function fit(p, terms) {
  const low = 1 / (1 + p * LARGEST_T);
  const rows = [];
  const right = [];
  for (let i = 0; i < terms; i++) {
    const s = (low + 1) / 2 + ((1 - low) / 2) * Math.cos((Math.PI * (i + 0.5)) / terms);
    const value = g((1 / s - 1) / p);
    rows.push(Array.from({ length: terms }, (_, k) => s ** (k + 1) / value));
    right.push(1);
  }
  return solve(rows, right);
}

const f = Math.fround;

function errors(p, c) {
  let inDouble = 0;
  let inSingle = 0;
  for (let t = 0; t < LARGEST_T; t += 0.001) {
    const s = 1 / (1 + p * t);
    const exact = g(t);
    const value = s * c.reduceRight((sum, k) => sum * s + k, 0);
    inDouble = Math.max(inDouble, Math.abs(value / exact - 1));
    const s32 = f(1 / f(1 + f(f(p) * f(t))));
    const value32 = f(s32 * c.reduceRight((sum, k) => f(f(sum * s32) + f(k)), 0));
    inSingle = Math.max(inSingle, Math.abs(value32 / g(f(t)) - 1));
  }
  return { inDouble, inSingle };
}

for (const terms of [7, 8, 9, 10]) {
  let best = { score: Number.POSITIVE_INFINITY };
  for (let p = 0.1; p < 0.8; p += 0.02) {
    const c = fit(p, terms);
    const e = errors(p, c);
    if (e.inSingle < best.score) best = { score: e.inSingle, p, c, ...e };
  }
  console.log(
    `${terms} terms: p ${best.p.toFixed(2)}, relative error ${best.inDouble.toExponential(2)} in double, ${best.inSingle.toExponential(2)} in float32`,
  );
  console.log(`  ${best.c.map((x) => x.toPrecision(9)).join(", ")}`);
}
