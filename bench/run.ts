// Runs one bench by its name: `npm run bench -- kernels [--json]`; without a name, lists them. Each bench prints a table;
// with --json its last line is one JSON object with the same figures.

interface Bench {
  about: string;
  /** `options` are the words after the name. */
  load(): Promise<{ main(options: readonly string[]): Promise<void> }>;
}

const BENCHES: Record<string, Bench> = {
  browser: {
    about:
      "bytes, cold and warm answers and memory in Chromium, compared with onnxruntime-web and transformers.js",
    load: () => import("./browser.js"),
  },
  kernels: {
    about:
      "calibration, GFLOP/s of every kernel, time of every operation of a forward pass and a training step",
    load: () => import("./kernels.js"),
  },
  collective: {
    about: "MB/s and CPU time of an all-reduce of two ranks, compared with bare grpc-js streams",
    load: () => import("./collective.js"),
  },
  data: {
    about:
      "MB/s and CPU time of batches from a data server, compared with a bare grpc-js stream and one process",
    load: () => import("./data.js"),
  },
  "data-limits": {
    about: "memory, waits, a thousand streams, the largest batches and fairness of a data server",
    load: () => import("./data-limits.js"),
  },
  forward: {
    about: "images/s of a forward pass, compared with onnxruntime, tfjs-wasm and PyTorch",
    load: () => import("./forward.js"),
  },
  finetune: {
    about: "accuracy of fine-tuning on photographs, compared with PyTorch on the same schedule",
    load: () => import("./finetune.js"),
  },
  gpu: {
    about: "parity on a GPU, then images/s compared with PyTorch and tfjs-webgpu, as JSON and a table",
    load: () => import("./gpu.js"),
  },
  "gpu-kernels": {
    about: "µs, GFLOP/s and GB/s of every GPU kernel of a step, by tier and tile",
    load: () => import("./gpu-kernels.js"),
  },
  "gpu-memory": {
    about: "memory that training steps and inferences on webgpu hold on the device and in this process",
    load: () => import("./gpu-memory.js"),
  },
  host: {
    about: "host time of a forward pass and a training step on a null GPU, compared with tfjs-webgpu",
    load: () => import("./host.js"),
  },
  idle: {
    about: "CPU time of idle servers",
    load: () => import("./idle.js"),
  },
  image: {
    about:
      "images/s of decoding and augmenting, compared with libjpeg-turbo, sharp, @jsquash/jpeg and Pillow",
    load: () => import("./image.js"),
  },
  "noisy-neighbor": {
    about: "a training step on all cores while other processes occupy all but one of them",
    load: () => import("./noisy-neighbor.js"),
  },
  remote: {
    about: "images/s of decoding from an object store with a latency, compared with local files",
    load: () => import("./remote.js"),
  },
  serve: {
    about:
      "the inference server beside the bare executor: rate, added latency, health at saturation, overload",
    load: () => import("./serve.js"),
  },
  "tab-training": {
    about:
      "training in a page: time, accuracy, a reload in the middle, and whether Node ends with the same bytes",
    load: () => import("./tab-training.js"),
  },
  train: {
    about: "images/s of a training step, compared with tfjs-wasm and PyTorch",
    load: () => import("./train.js"),
  },
  worker: {
    about: "resident memory and images/s of one decode thread over 20,000 images",
    load: () => import("./worker.js"),
  },
};

const [name, ...options] = process.argv.slice(2);
const bench = name === undefined ? undefined : BENCHES[name];
if (bench) {
  const { main } = await bench.load();
  await main(options);
} else {
  for (const [known, { about }] of Object.entries(BENCHES)) console.error(`  ${known.padEnd(14)} ${about}`);
  console.error(name === undefined ? "npm run bench -- NAME [--json]" : `bench: there is no bench "${name}"`);
  process.exitCode = 1;
}
