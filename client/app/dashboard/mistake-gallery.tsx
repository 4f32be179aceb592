// Mistake gallery: the most confident wrong answers of the last validation. For a run that is over they are computed when
// someone asks.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { MistakesView, RunSnapshot } from "../../../proto/dashboard.js";
import { Button } from "../design/button.js";
import { Progress } from "../design/progress.js";
import { pictureUrl, readMistakes } from "./server-calls.js";
import { count, percent } from "./words.js";

const LOOK_MS = 1_000;

export function MistakeGallery({ run, isConnected }: { run: RunSnapshot; isConnected: boolean }) {
  const { id, isLive, scores } = run;
  const view = useSignal<MistakesView | null>(null);
  const isWanted = useSignal(false);
  const trouble = useSignal("");
  const validated = scores?.step;
  useEffect(() => {
    if (!isWanted.value || !isConnected) return;
    let timer: ReturnType<typeof setTimeout>;
    let isClosed = false;
    const look = async () => {
      try {
        const next = await readMistakes(id);
        if (isClosed) return;
        view.value = next;
        trouble.value = "";
        if (next.pictures === null && next.reason === "") timer = setTimeout(look, LOOK_MS);
      } catch (error) {
        trouble.value = error instanceof Error ? error.message : String(error);
      }
    };
    void look();
    return () => {
      isClosed = true;
      clearTimeout(timer);
    };
  }, [id, isWanted.value, validated, isConnected]);
  const shown = view.value;
  return (
    <section>
      <h3>Mistakes of the validation</h3>
      {!isWanted.value && (
        <div class="controls">
          <Button weight="small" onClick={() => (isWanted.value = true)}>
            Show the mistakes
          </Button>
          <p class="quiet">
            The most confident wrong answers
            {isLive ? " of the last validation." : "; the model is evaluated for it, which takes a while."}
          </p>
        </div>
      )}
      {trouble.value !== "" && <p class="quiet">{trouble.value}</p>}
      {shown && shown.reason !== "" && <p class="quiet">{shown.reason}</p>}
      {shown && shown.pictures === null && shown.reason === "" && (
        <Progress
          label="Evaluating the model"
          fraction={shown.total > 1 ? shown.done / shown.total : undefined}
          detail={`${count(shown.done)} of ${count(shown.total)} images`}
        />
      )}
      {shown?.pictures?.length === 0 && <p class="quiet">None in {count(shown.total)} images.</p>}
      {shown?.pictures && (
        <ul class="gallery">
          {shown.pictures.map(({ place, file, label, answer, confidence, labelProbability }) => (
            <li class="exhibit-picture" key={`${shown.number} ${place}`}>
              <img
                src={pictureUrl(id, "mistakes", shown.number, place)}
                width={shown.size}
                height={shown.size}
                alt={`${label}, taken for ${answer}`}
              />
              <p class="exhibit-label">
                {answer} {percent(100 * confidence, 0)}
              </p>
              <p class="quiet">
                is {label} ({percent(100 * labelProbability, 0)})
              </p>
              <p class="quiet exhibit-file">{file}</p>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
