// Page peer: one library in a bare page, cold and warm, as the bench asks for it. Runs in the browser.

/** The most probable class. */
export interface Answer {
  label: string;
  probability: number;
}

/** A loaded model: a picture's file → its most probable class. */
export type Classify = (file: Blob) => Promise<Answer>;

export interface PageFigures {
  answer: Answer;
  /** Milliseconds from the start of the navigation to the first answer. */
  coldMs: number;
  /** Milliseconds of each later answer: reading the file, decoding and the model. */
  warmMs: number[];
}

declare global {
  interface Window {
    /** Resolves when the first answer is there. */
    figures: Promise<Omit<PageFigures, "warmMs">>;
    warm(rounds: number): Promise<number[]>;
  }
}

const PHOTOGRAPH = "/photograph";

/** Starts at once; `load` begins while the photograph is fetched. */
export function measure(load: () => Promise<Classify>): void {
  const model = load();
  const photograph = fetch(PHOTOGRAPH).then((response) => response.blob());
  window.figures = (async () => {
    const classify = await model;
    const answer = await classify(await photograph);
    return { answer, coldMs: performance.now() };
  })();
  window.warm = async (rounds) => {
    const [classify, file] = [await model, await photograph];
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      await classify(file);
      times.push(performance.now() - start);
    }
    return times;
  };
}
