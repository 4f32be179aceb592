// Peak page: the float32 throughput of as many threads as a page computes with, in the browser of the comparison.

declare global {
  interface Window {
    /** GFLOP/s of all threads together, each of which runs a loop over registers. */
    peak: Promise<number>;
  }
}

function peakOfThread(): Promise<number> {
  const worker = new Worker("/dist/bench/browser/peak-thread.js", { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onerror = () => reject(new Error("the peak could not be measured"));
    worker.onmessage = ({ data }: MessageEvent<number>) => {
      worker.terminate();
      resolve(data);
    };
  });
}

window.peak = Promise.all(Array.from({ length: navigator.hardwareConcurrency }, peakOfThread)).then((peaks) =>
  peaks.reduce((sum, each) => sum + each, 0),
);

export {};
