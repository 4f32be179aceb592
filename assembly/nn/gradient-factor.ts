// Gradient factor: what an optimizer multiplies its gradients by: the scale that is undone, and clipping by the global
// norm (torch.nn.utils.clip_grad_norm_).

import { CLIP_NORM, GRADIENT_SCALE } from "./generated/adamw-settings";

/** gradientScale, times the clipping factor where clipping is on; |g| is the norm of the scaled gradients. */
export function gradientFactor(settings: usize, norm: usize): f64 {
  const scale = load<f64>(settings + GRADIENT_SCALE);
  const clip = load<f64>(settings + CLIP_NORM);
  if (!norm || clip <= 0) return scale;
  const length = sqrt<f64>(load<f64>(norm)) * abs<f64>(scale);
  return scale * min<f64>(1.0, clip / (length + 1e-6));
}
