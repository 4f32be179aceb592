// Bench: runs one bench by its name. `npm run bench -- kernels [--json]`; without a name it lists them.
// Each bench prints a table; with --json its last line is one JSON object with the same figures.

interface Bench {
  about: string;
  /** Options are the words behind the name. */
  load(): Promise<{ main(options: readonly string[]): Promise<void> }>;
}

const BENCHES: Record<string, Bench> = {
  kernels: {
    about:
      "calibration, every kernel's share of the 128-bit peak, every operation of a forward and a training step",
    load: () => import("./kernels.js"),
  },
  forward: {
    about: "images/s of a forward pass beside onnxruntime, tfjs-wasm and PyTorch",
    load: () => import("./forward.js"),
  },
  gpu: {
    about: "a GPU: parity, then images/s beside PyTorch and tfjs-webgpu, as JSON and a table",
    load: () => import("./gpu.js"),
  },
  "gpu-kernels": {
    about: "a GPU's kernels: µs, GFLOP/s and GB/s of every operation of a step, by tier and tile",
    load: () => import("./gpu-kernels.js"),
  },
  "gpu-memory": {
    about: "what training steps and inferences on webgpu hold on the device and in this process",
    load: () => import("./gpu-memory.js"),
  },
  host: {
    about:
      "the host's time of a forward pass and a training step on a GPU that computes nothing, beside tfjs-webgpu",
    load: () => import("./host.js"),
  },
  idle: {
    about: "share of a core that idle servers take",
    load: () => import("./idle.js"),
  },
  image: {
    about: "images/s of decoding and augmenting beside libjpeg-turbo, sharp, @jsquash/jpeg and Pillow",
    load: () => import("./image.js"),
  },
  neighbor: {
    about: "a training step on all cores beside processes that hold all but one of them",
    load: () => import("./noisy-neighbor.js"),
  },
  train: {
    about: "images/s of a training step beside tfjs-wasm and PyTorch",
    load: () => import("./train.js"),
  },
  worker: {
    about: "resident memory and images/s of one decode worker over 20,000 images",
    load: () => import("./worker.js"),
  },
};

const [name, ...options] = process.argv.slice(2);
const bench = name === undefined ? undefined : BENCHES[name];
if (bench) {
  const { main } = await bench.load();
  await main(options);
} else {
  for (const [known, { about }] of Object.entries(BENCHES)) console.error(`  ${known.padEnd(10)} ${about}`);
  console.error(name === undefined ? "npm run bench -- NAME [--json]" : `bench: no bench is named "${name}"`);
  process.exitCode = 1;
}
