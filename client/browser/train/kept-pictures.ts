// Kept pictures: the pictures of a run beside it, so that it continues after a reload.

import type { SentPicture } from "./messages.js";
import type { RunFiles } from "./run-files.js";

/** The pictures of a run. */
export interface RunPictures {
  training: readonly SentPicture[];
  validation: readonly SentPicture[];
}

const FOLDER = "pictures";

interface Entry {
  label: string;
  name: string;
  validates: boolean;
}

const isEntry = (value: unknown): value is Entry => {
  const { label, name, validates } = (value ?? {}) as Partial<Entry>;
  return typeof label === "string" && typeof name === "string" && typeof validates === "boolean";
};

export async function keepPictures(files: RunFiles, { training, validation }: RunPictures): Promise<void> {
  const all = [...training, ...validation];
  const list = all.map(
    ({ label, name }, index): Entry => ({ label, name, validates: index >= training.length }),
  );
  await files.keepFolder(
    FOLDER,
    all.map(({ picture }) => picture),
    list,
  );
}

/** Null where they were not kept, or one is missing. */
export async function keptPictures(files: RunFiles): Promise<RunPictures | null> {
  const folder = await files.readFolder(FOLDER);
  if (!folder || !Array.isArray(folder.list) || !folder.list.every(isEntry)) return null;
  const training: SentPicture[] = [];
  const validation: SentPicture[] = [];
  for (const [index, { label, name, validates }] of folder.list.entries()) {
    const picture = await folder.file(index);
    if (!picture) return null;
    (validates ? validation : training).push({ picture, label, name });
  }
  return { training, validation };
}
