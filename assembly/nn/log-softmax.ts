// The logarithm under the softmax: log Σ exp(x/τ) of a row in double, which all three losses need.
//
// Losses touch B·C values a step, thousands against millions elsewhere: double and scalar costs nothing and leaves
// only the rounding of the inputs. exp and log are AssemblyScript's own, the same bits on every engine.

/** log Σ exp(x/τ) over n values. */
export function logSumExp(x: usize, n: usize, tau: f64): f64 {
  let most: f64 = -Infinity;
  for (let i: usize = 0; i < n; i++) most = max<f64>(most, <f64>load<f32>(x + (i << 2)) / tau);
  let sum: f64 = 0;
  for (let i: usize = 0; i < n; i++) sum += NativeMath.exp(<f64>load<f32>(x + (i << 2)) / tau - most);
  return most + NativeMath.log(sum);
}

/** Index of the largest value, the first of equals. */
export function argmax(x: usize, n: usize): usize {
  let best: usize = 0;
  for (let i: usize = 1; i < n; i++) {
    if (load<f32>(x + (i << 2)) > load<f32>(x + (best << 2))) best = i;
  }
  return best;
}
