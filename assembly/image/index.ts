// Image module: what the host may call. Each line is one entry point or one group of them.

export { fillNoise } from "./augment/erase";
export { evaluateJpeg, evaluatePixels } from "./augment/evaluation";
export { flipPixels } from "./augment/flip";
export { augmentPicture } from "./augment/operations";
export { augmentJpeg, augmentPixels } from "./augment/training";
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
export { decodeJpeg, decodeJpegScaled, decodeJpegWindow, readJpegHeader } from "./jpeg/decode";
export {
  pictureComponents,
  pictureFrame,
  pictureHeight,
  pictureOrientation,
  picturePrecision,
  pictureRows,
  pictureSampling,
  pictureWidth,
} from "./jpeg/picture";
export { colorTwin, halvesTwin, inverseTransformTwin } from "./jpeg/twins";
export { regionLength, regionStart, reserve, resetArena, setMemoryLimit } from "./memory";
export { mixPixels } from "./mix/mix";
export { orientPicture } from "./orient";
export { statusAllowed, statusFound, statusOffset } from "./outcome";
export { resizePicture } from "./resize/entry";
