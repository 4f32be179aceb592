// Classify page: one picture in a frame, one placard with the verdict beside it.

import { effect, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Masthead } from "../design/masthead.js";
import { deviceLine, fallbackLine, modelLine, splitSynonyms } from "./display-text.js";
import { listenForPictures } from "./picture-input.js";
import type { Picture, Pictures } from "./pictures.js";
import { Placard } from "./placard.js";
import type { Session, SessionState } from "./session.js";
import { Stage } from "./stage.js";

interface ClassifyPageProps {
  session: Session;
  pictures: Pictures;
}

/** For programs that automate the page, and for style sheets: at once, where a component is drawn later. */
function describeState({ session, pictures }: ClassifyPageProps): void {
  const { dataset } = document.body;
  const state = session.state.value;
  dataset.model = state.kind;
  if (state.kind === "ready") dataset.device = state.card.device;
  dataset.photograph = pictures.shown.value?.verdict.value.kind ?? "none";
}

/** The state in words, for screen readers; nothing repeats what has focus. */
function announcement(
  model: SessionState,
  picture: Picture | undefined,
  refusal: string | undefined,
): string {
  if (refusal !== undefined) return refusal;
  if (model.kind === "failed") return `${model.failure.line} ${model.failure.advice}`;
  const verdict = picture?.verdict.value;
  if (!picture || !verdict) return model.kind === "ready" ? "Ready." : "";
  if (verdict.kind === "reading") return `Looking at ${picture.name} …`;
  if (verdict.kind === "failed") return `${verdict.failure.line} ${verdict.failure.advice}`;
  return `${picture.name}: ${splitSynonyms(verdict.classification.classes[0]?.label ?? "")[0]}`;
}

export function ClassifyPage({ session, pictures }: ClassifyPageProps) {
  const field = useRef<HTMLInputElement>(null);
  /** Why what was dropped is no picture; until the next picture. */
  const refusal = useSignal<string | undefined>(undefined);
  const choose = () => field.current?.click();
  const receive = (file: File) => {
    refusal.value = undefined;
    pictures.show(file);
  };
  const model = session.state.value;
  const picture = pictures.shown.value;

  useEffect(() => {
    listenForPictures(receive, (reason) => {
      refusal.value = reason;
    });
    return effect(() => describeState({ session, pictures }));
  }, []);

  return (
    <>
      <Masthead>
        <p class="model-line quiet" id="model-line">
          {model.kind === "ready" && modelLine(model.card, model.bytes)}
        </p>
      </Masthead>
      <main class="exhibit">
        <Stage picture={picture} choose={choose} />
        <input
          ref={field}
          type="file"
          id="file"
          accept="image/*"
          hidden
          onChange={({ currentTarget }) => {
            const file = currentTarget.files?.[0];
            if (file) receive(file);
            // Without this, choosing the same file again fires no event.
            currentTarget.value = "";
          }}
        />
        <div>
          {refusal.value !== undefined && <p class="refusal">{refusal.value}</p>}
          <Placard session={session} pictures={pictures} />
        </div>
        <p class="visually-hidden" aria-live="polite">
          {announcement(model, picture, refusal.value)}
        </p>
      </main>
      <footer class="footnote">
        <p>
          The photograph stays on this computer: it is decoded and classified here, in this page.{" "}
          {model.kind === "ready" && (
            <span title={model.card.deviceDescription}>{deviceLine(model.card)}</span>
          )}
        </p>
        <p
          class="device-note"
          id="device-note"
          role="status"
          hidden={model.kind !== "ready" || !model.card.fallback}
        >
          {model.kind === "ready" && model.card.fallback && fallbackLine(model.card.fallback)}
        </p>
      </footer>
    </>
  );
}
