// File stamp: a text that changes whenever one of several files is written, replaced, or given other permissions.

import { statSync } from "node:fs";

/** Never throws: a file that cannot be asked has the reason in its place. */
export function fileStamp(...files: readonly string[]): string {
  return files.map(stampOf).join();
}

function stampOf(file: string): string {
  try {
    const { ino, ctimeMs, size } = statSync(file);
    return `${ino} ${ctimeMs} ${size}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
