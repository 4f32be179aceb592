// ONNX parity: an exported file's logits in onnxruntime-node, where that package is installed, compared with the model's
// own on random pictures.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createRuntime } from "../runtime/create-runtime.js";
import { VitrineError } from "../runtime/errors.js";
import { nodeHost } from "../runtime/host/node.js";
import { loadModel } from "../runtime/load-model.js";
import type { StoredModel } from "../runtime/model-files/stored-model.js";
import { normalizationTable } from "../runtime/models/config.js";
import { ONNX_INPUT, ONNX_OUTPUT } from "../runtime/onnx/model.js";

/** The part of onnxruntime's interface that is used here. */
interface OnnxRuntime {
  Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => { data: Float32Array };
  InferenceSession: {
    create(model: Uint8Array, options: object): Promise<OnnxSession>;
  };
}

interface OnnxSession {
  run(inputs: Record<string, unknown>): Promise<Record<string, { data: Float32Array }>>;
  release?(): Promise<void>;
}

const PACKAGE = "onnxruntime-node";

/** Largest allowed difference of two logits, over the larger of 1 and the largest logit. */
const TOLERANCE = 1e-4;

/** Images compared: a batch of one and a batch of two. */
const BATCHES = [1, 2] as const;

/** The package beside Vitrine, or the one of the working directory's project; null where neither is installed. */
function locate(): string | null {
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), "package.json"))]) {
    try {
      return createRequire(from).resolve(PACKAGE);
    } catch {
      // Not installed there.
    }
  }
  return null;
}

/** null where the package is not installed. Throws `device/unavailable` where it is but does not load. */
async function loadOnnxRuntime(): Promise<OnnxRuntime | null> {
  const path = locate();
  if (path === null) return null;
  try {
    const loaded = (await import(pathToFileURL(path).href)) as OnnxRuntime & { default?: OnnxRuntime };
    return loaded.default ?? loaded;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const text = `${PACKAGE} is installed but cannot be loaded (--no-check writes the file without it): ${reason}`;
    throw new VitrineError("device/unavailable", text, { cause, details: { package: PACKAGE } });
  }
}

/** uint8 [count, size, size, 3] from a generator with a fixed seed (Lehmer, 48271). */
function randomPixels(count: number, size: number): Uint8Array {
  let state = 12_345;
  return Uint8Array.from({ length: count * size * size * 3 }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state & 255;
  });
}

/** uint8 [count, size, size, 3] → normalized float32 [count, 3, size, size]. */
function normalized(pixels: Uint8Array, count: number, { config }: StoredModel): Float32Array {
  const table = normalizationTable(config);
  const area = config.imageSize ** 2;
  const image = new Float32Array(pixels.length);
  for (let sample = 0; sample < count; sample++)
    for (let pixel = 0; pixel < area; pixel++)
      for (let channel = 0; channel < 3; channel++)
        image[(sample * 3 + channel) * area + pixel] =
          table[channel * 256 + pixels[(sample * area + pixel) * 3 + channel]];
  return image;
}

/**
 * Runs the bytes of an .onnx file and `model`, whose weights are those in the file, on the same pictures. Resolves to a
 * sentence for the user. Throws `export/parity` where the logits differ by more than 1e-4, relative to the largest.
 */
export async function checkOnnxParity(file: Uint8Array, model: StoredModel): Promise<string> {
  const onnx = await loadOnnxRuntime();
  if (!onnx)
    return `not compared with onnxruntime, which is not installed (npm install ${PACKAGE}, about 300 MB)`;
  const runtime = await createRuntime({ host: nodeHost(), device: "wasm" });
  const own = await loadModel(runtime, { ...model, notices: [] }, { batchSizes: BATCHES, dtype: "float32" });
  const session = await onnx.InferenceSession.create(file, {
    executionProviders: ["cpu"],
    logSeverityLevel: 3,
  });
  let largest = 0;
  let difference = 0;
  try {
    const { imageSize: size } = model.config;
    for (const count of BATCHES) {
      const pixels = randomPixels(count, size);
      const expected = (await own.logits(pixels, count)).logits.slice();
      const image = new onnx.Tensor("float32", normalized(pixels, count, model), [count, 3, size, size]);
      const { data } = (await session.run({ [ONNX_INPUT]: image }))[ONNX_OUTPUT];
      for (const [index, value] of expected.entries()) {
        largest = Math.max(largest, Math.abs(value));
        const distance = Math.abs(value - data[index]);
        // NaN compares as no difference.
        difference = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : Math.max(difference, distance);
      }
    }
  } finally {
    await session.release?.();
    own.dispose();
    await runtime.dispose();
  }
  const found = `logits on ${BATCHES.reduce((a, b) => a + b, 0)} random pictures differ by at most ${difference.toExponential(1)}`;
  if (difference <= TOLERANCE * Math.max(1, largest)) return `onnxruntime: ${found}`;
  throw new VitrineError(
    "export/parity",
    `onnxruntime: ${found}; allowed: ${TOLERANCE}, times the largest logit ${largest}`,
    {
      details: { difference, largest },
    },
  );
}
