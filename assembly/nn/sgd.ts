// SGD with Nesterov momentum (torch.optim.SGD with nesterov, which timm and main.py mean by "sgd").
//
//   g' = g·gradientScale·min(1, clipNorm/(|g| + 1e-6)) + decay·p
//   b ← momentum·b + g';   p ← p − lr·(g' + momentum·b)
//
// b is in firstMoment. Each value goes through double and is rounded once into each array; 3 arrays in, 2 out, 20 bytes
// per parameter. lr is learningRate·rateFactor.

import { LEARNING_RATE, MOMENTUM, WEIGHT_DECAY } from "./generated/adamw-settings";
import { gradientFactor } from "./gradient-factor";

export function sgd(
  parameters: usize,
  gradients: usize,
  firstMoment: usize,
  settings: usize,
  norm: usize,
  n: usize,
  decayed: u32,
  rateFactor: f64,
): void {
  if (!isFinite(load<f64>(norm))) return;
  const rate = load<f64>(settings + LEARNING_RATE) * rateFactor;
  const decay = decayed ? load<f64>(settings + WEIGHT_DECAY) : 0.0;
  const momentum = load<f64>(settings + MOMENTUM);
  const scale = gradientFactor(settings, norm);
  for (let i: usize = 0; i < n << 2; i += 4) {
    const p = <f64>load<f32>(parameters + i);
    const g = <f64>load<f32>(gradients + i) * scale + decay * p;
    const b = momentum * <f64>load<f32>(firstMoment + i) + g;
    store<f32>(firstMoment + i, <f32>b);
    store<f32>(parameters + i, <f32>(p - rate * (g + momentum * b)));
  }
}
