// Kernel progress: a line on a terminal while a GPU's driver compiles kernels, which takes seconds on some.

import type { RuntimeOptions } from "../runtime/create-runtime.js";

/** The part of a stream that this needs. */
interface Terminal {
  write(text: string): unknown;
  isTTY?: boolean;
}

const ERASE_LINE = "\r\u001b[2K";

/** `compiling kernels for the GPU: 12 of 34`, gone when all are made; nothing where no one watches. */
export function kernelProgress(terminal: Terminal = process.stderr): RuntimeOptions["onKernels"] {
  if (!terminal.isTTY) return undefined;
  return ({ made, wanted }) => {
    const line = made < wanted ? `compiling kernels for the GPU: ${made} of ${wanted}` : "";
    terminal.write(ERASE_LINE + line);
  };
}
