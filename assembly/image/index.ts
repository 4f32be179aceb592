// Image module: what the host may call. Each line is one entry point or one group of them.

export {
  cosine,
  drawBuffer,
  drawBufferValues,
  exponential,
  fillNormals,
  fillUniforms,
  logarithm,
  philox,
  philoxWords,
  power,
  sine,
} from "./draw";
export { regionLength, regionStart, reserve, resetArena, setMemoryLimit } from "./memory";
export { statusAllowed, statusFound, statusOffset } from "./outcome";
