// Image module: the functions that the host may call. runtime/image/image-exports.ts declares them for TypeScript.

export { fillNoise } from "./augment/erase";
export { evaluateJpeg, evaluatePixels } from "./augment/evaluation";
export { augmentPicture } from "./augment/operations";
export { augmentJpeg, augmentPixels } from "./augment/training";
export {
  regionStart,
  reserve,
  resetArena,
  setMemoryLimit,
  statusAllowed,
  statusFound,
  statusOffset,
} from "./call";
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
export { orientPicture } from "./flip-rotate";
export { decodeJpegScaled, decodeJpegWindow, readJpegHeader } from "./jpeg/decode";
export {
  pictureComponents,
  pictureFrame,
  pictureHeight,
  pictureOrientation,
  picturePrecision,
  pictureRows,
  pictureSampling,
  pictureWidth,
  setPicture,
} from "./jpeg/picture";
export { testColor, testInverseTransform, testUpsampleColor } from "./jpeg/test-entries";
export { mixPixels } from "./mix";
export { decodePng, readPngHeader } from "./png/decode";
export { expandZlib } from "./png/expand";
export { resizePicture } from "./resize/resize";
