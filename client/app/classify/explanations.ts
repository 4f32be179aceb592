// Explanations: where the model looked, what its two heads say, and what it would say without parts of the picture.

import { effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { PictureArea } from "../../../runtime/image/evaluation-crop.js";
import type { Classification, ClassifyOptions } from "../../browser/contract.js";
import { FollowUp, type FollowUpState } from "./follow-up.js";
import { MOST_CLASSES, type Pictures } from "./pictures.js";
import type { Session } from "./session.js";

/** How the picture on display is looked at. */
export type Lens = "picture" | "attention" | "cover";

/** Parts across and down that can be covered: each is two by two patches of a model with 14 × 14. */
export const STEPS = 7;

/** Part `index` of `area`, row by row. */
function partOf(area: PictureArea, index: number): PictureArea {
  const [width, height] = [area.width / STEPS, area.height / STEPS];
  return {
    x: area.x + (index % STEPS) * width,
    y: area.y + Math.floor(index / STEPS) * height,
    width,
    height,
  };
}

export class Explanations {
  readonly lens: Signal<Lens> = signal("picture");
  /** Layer whose attention is shown, from 0; undefined for all of them together (rollout). */
  readonly layer: Signal<number | undefined> = signal(undefined);
  /** Head whose attention is shown, from 0; undefined for their mean. */
  readonly head: Signal<number | undefined> = signal(undefined);
  /** Parts that are covered. */
  readonly covered: Signal<ReadonlySet<number>> = signal(new Set<number>());
  /** Whether each part is to be covered in turn. */
  readonly scanning: Signal<boolean> = signal(false);
  readonly #attention: FollowUp<Classification>;
  readonly #without: FollowUp<Classification>;
  readonly #scan: FollowUp<Classification>;

  constructor(session: Session, pictures: Pictures) {
    const follow = (want: (crop: PictureArea) => ClassifyOptions | undefined) =>
      new FollowUp<Classification>(() => {
        const classified = pictures.classified.value;
        const options = classified && want(classified.classification.crop);
        if (!classified || !options) return undefined;
        const { picture } = classified;
        const run = async (signal: AbortSignal) =>
          (await session.classifier()).classify(picture.file, { topK: MOST_CLASSES, ...options, signal });
        return { picture, run };
      });
    this.#attention = follow(() =>
      this.lens.value === "attention" ? { attention: true, heads: true } : undefined,
    );
    this.#without = follow((crop) =>
      this.lens.value === "cover" && this.covered.value.size > 0
        ? { without: [...this.covered.value].map((index) => partOf(crop, index)) }
        : undefined,
    );
    this.#scan = follow(() =>
      this.lens.value === "cover" && this.scanning.value ? { occlusion: { steps: STEPS } } : undefined,
    );
    // What was covered or found is about the picture before.
    effect(() => {
      pictures.shown.value;
      this.covered.value = new Set();
      this.scanning.value = false;
    });
  }
  /** The verdict with attention maps and both heads' answers. */
  get attention(): ReadonlySignal<FollowUpState<Classification>> {
    return this.#attention.state;
  }

  /** The verdict without the covered parts. */
  get without(): ReadonlySignal<FollowUpState<Classification>> {
    return this.#without.state;
  }

  /** The verdict with what each part contributes. */
  get scan(): ReadonlySignal<FollowUpState<Classification>> {
    return this.#scan.state;
  }

  /** Covers a part, or uncovers it. */
  toggle(part: number): void {
    const covered = new Set(this.covered.value);
    if (!covered.delete(part)) covered.add(part);
    this.covered.value = covered;
  }
}
