// Batch gallery: the training batch of this moment as the model sees it, with its mixed labels, and what both heads and
// the teacher say to each picture. Nothing is asked for until someone opens it.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { BatchPicture, BatchView, Decision } from "../../../proto/dashboard.js";
import { Button } from "../design/button.js";
import { nextBatch, pictureUrl } from "./server-calls.js";
import { count, percent } from "./words.js";

/** Beside the server's own limit of one a second: time to look. */
const PAUSE_MS = 2_000;
const RETRY_MS = 5_000;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** `60% star + 40% ring`, or one name. */
function mixText({ label, partner, lambda }: BatchPicture): string {
  if (lambda === 1 || label === partner) return label;
  return `${percent(100 * lambda, 0)} ${label} + ${percent(100 * (1 - lambda), 0)} ${partner}`;
}

function Answer({ who, decision, picture }: { who: string; decision: Decision; picture: BatchPicture }) {
  const isRight = decision.name === picture.label || decision.name === picture.partner;
  return (
    <li class="answer" data-right={isRight}>
      <span class="quiet">{who}</span> {decision.name} {percent(100 * decision.probability, 0)}
      <span class="answer-mark" aria-hidden="true">
        {isRight ? "\u00a0✓" : "\u00a0✗"}
      </span>
      <span class="visually-hidden">{isRight ? ", right" : ", wrong"}</span>
    </li>
  );
}

function Picture({ id, view, picture }: { id: string; view: BatchView; picture: BatchPicture }) {
  const { class: byClass, distillation, teacher } = picture.answers;
  const mix = mixText(picture);
  return (
    <li class="exhibit-picture">
      <img
        src={pictureUrl(id, "batch", view.number, picture.place)}
        width={view.size}
        height={view.size}
        alt={picture.isRead ? mix : "A file that could not be read"}
      />
      <p class="exhibit-label">{picture.isRead ? mix : "not read"}</p>
      {picture.isRead && (
        <ul>
          <Answer who={distillation ? "class head" : "model"} decision={byClass} picture={picture} />
          {distillation && <Answer who="distillation" decision={distillation} picture={picture} />}
          {teacher && <Answer who="teacher" decision={teacher} picture={picture} />}
        </ul>
      )}
    </li>
  );
}

export function BatchGallery({ id, isActive }: { id: string; isActive: boolean }) {
  const isOpen = useSignal(false);
  const view = useSignal<BatchView | null>(null);
  const trouble = useSignal("");
  const isWanted = isOpen.value && isActive;
  useEffect(() => {
    if (!isWanted) return;
    const stop = new AbortController();
    const follow = async () => {
      while (!stop.signal.aborted) {
        try {
          const next = document.hidden ? null : await nextBatch(id, view.peek()?.number ?? 0, stop.signal);
          if (next) view.value = next;
          trouble.value = "";
          await wait(PAUSE_MS);
        } catch (error) {
          if (stop.signal.aborted) return;
          trouble.value = error instanceof Error ? error.message : String(error);
          await wait(RETRY_MS);
        }
      }
    };
    void follow();
    return () => stop.abort();
  }, [id, isWanted]);
  const shown = view.value;
  return (
    <section>
      <h3>The batch of this moment</h3>
      <div class="controls">
        <Button
          weight="small"
          aria-pressed={isOpen.value}
          disabled={!isActive && !isOpen.value}
          onClick={() => (isOpen.value = !isOpen.value)}
        >
          {isOpen.value ? "Leave this batch standing" : shown ? "Follow the batches" : "Show the batches"}
        </Button>
        <p class="quiet">
          {shown
            ? `Before step ${count(shown.step)}: ${shown.pictures.length} of ${count(shown.count)} pictures`
            : isOpen.value
              ? "The next one comes with the next step."
              : "As the model sees it, augmented and mixed. While it is shown, a batch a second is evaluated."}
          {trouble.value !== "" && ` ${trouble.value}`}
        </p>
      </div>
      {shown && (
        <ul class="gallery">
          {shown.pictures.map((picture) => (
            <Picture key={picture.place} id={id} view={shown} picture={picture} />
          ))}
        </ul>
      )}
    </section>
  );
}
