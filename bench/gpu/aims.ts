// Aims: our training images/s of DeiT-Small over PyTorch's in bfloat16 and over tfjs-webgpu's, where both were measured.

import type { Aim, Row } from "./figures.js";

const AIMS: readonly { peer: RegExp; aim: number }[] = [
  { peer: /^pytorch \w+ bf16$/, aim: 0.5 },
  { peer: /^tfjs-webgpu$/, aim: 5 },
];

function fastest(rows: readonly Row[]): Row | undefined {
  return [...rows].sort((a, b) => b.imagesPerSecond - a.imagesPerSecond)[0];
}

/** At each batch size, our fastest tier over the fastest of the peer's forms. */
export function aimsOf(rows: readonly Row[]): Aim[] {
  const training = rows.filter(({ model, mode }) => model === "small" && mode === "train");
  const batches = [...new Set(training.map(({ batch }) => batch))].sort((a, b) => a - b);
  return batches.flatMap((batch) => {
    const here = training.filter((row) => row.batch === batch);
    const ours = fastest(here.filter(({ contestant }) => contestant.startsWith("vitrine ")));
    return AIMS.flatMap(({ peer, aim }) => {
      const theirs = fastest(here.filter(({ contestant }) => peer.test(contestant)));
      if (!ours || !theirs) return [];
      const ratio = ours.imagesPerSecond / theirs.imagesPerSecond;
      return [{ batch, ours: ours.contestant, theirs: theirs.contestant, ratio, aim }];
    });
  });
}

export function aimLine({ batch, ours, theirs, ratio, aim }: Aim): string {
  const verdict = ratio >= aim ? "reached" : "missed";
  return `- training, small, batch ${batch}: ${ours} ${ratio.toFixed(2)} of ${theirs} (aim ≥ ${aim}: ${verdict})`;
}
