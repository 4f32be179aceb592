// Classify page: the case with a picture and the placard beside it, or all pictures; around them the masthead, the
// settings and a line on privacy.

import { effect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Announcer } from "../design/announcer.js";
import { Button } from "../design/button.js";
import { Masthead } from "../design/masthead.js";
import { listenForArrivals } from "../exchange/arrivals.js";
import type { ModelOffer } from "../exchange/model-list.js";
import { Collection } from "./collection.js";
import { deviceLine, fallbackLine, modelLine, privacyLine, splitSynonyms } from "./display-text.js";
import type { PageState } from "./page-state.js";
import { Placard } from "./placard.js";
import { SettingsPanel } from "./settings-panel.js";
import { Stage } from "./stage.js";
import { Strip } from "./strip.js";
import { Ways } from "./ways.js";

/** For programs that automate the page, and for style sheets: at once, where a component is drawn later. */
function describeState({ session, pictures, camera }: PageState): void {
  const { dataset } = document.body;
  const state = session.state.value;
  const verdict = pictures.shown.value?.verdict.value.kind;
  dataset.model = state.kind;
  if (state.kind === "ready") dataset.device = state.card.device;
  dataset.photograph = verdict === "waiting" ? "reading" : (verdict ?? "none");
  dataset.camera = camera.state.value.kind;
}

/** What has happened, in words for screen readers. A live camera would never let them finish a sentence. */
function announcement({ session, pictures, refusal, camera, fetching }: PageState): string {
  const model = session.state.value;
  if (refusal.value) return `${refusal.value.line} ${refusal.value.advice}`;
  if (fetching.value !== undefined) return "Fetching the picture …";
  if (model.kind === "failed") return `${model.failure.line} ${model.failure.advice}`;
  if (model.kind === "loading") return "";
  if (camera.state.value.kind === "live") return "The camera is open.";
  const picture = pictures.shown.value;
  if (!picture) {
    const count = pictures.all.value.length;
    return count === 0 ? "Ready." : `${count} pictures.`;
  }
  const verdict = picture.verdict.value;
  if (verdict.kind === "failed") return `${verdict.failure.line} ${verdict.failure.advice}`;
  if (verdict.kind !== "classified") return `Looking at ${picture.name} …`;
  return `${picture.name}: ${splitSynonyms(verdict.classification.classes[0]?.label ?? "")[0]}`;
}

interface ClassifyPageProps {
  page: PageState;
  offer: ModelOffer;
}

export function ClassifyPage({ page, offer }: ClassifyPageProps) {
  const { session, pictures } = page;
  const model = session.state.value;
  const many =
    pictures.all.value.length > 1 && !pictures.shown.value && page.camera.state.value.kind === "off";
  useEffect(() => effect(() => describeState(page)), []);
  useEffect(
    () =>
      listenForArrivals({
        pictures: (arrivals) => void page.receive(arrivals),
        address: (text) => void page.receiveAddress(text),
        refuse: (reason) => page.refuse("That contained no picture.", reason),
        hovering: (above) => {
          page.hovering.value = above;
        },
      }),
    [],
  );
  useEffect(() => listenForKeys(page), []);
  return (
    <>
      <Masthead here="index.html">
        <Button
          weight="small"
          id="model-line"
          aria-haspopup="dialog"
          onClick={() => {
            page.settingsOpen.value = true;
          }}
        >
          {model.kind === "ready" ? model.card.name : "Model and device"}
          {model.kind === "ready" && (
            <span class="model-line-more">{modelLine(model.card, model.model)}</span>
          )}
        </Button>
      </Masthead>
      <main class={many ? "gallery" : page.empty.value ? "exhibit exhibit-empty" : "exhibit"}>
        {many ? <Collection page={page} /> : <Stage page={page} />}
        {(!many || page.refusal.value) && <Placard page={page} />}
        {pictures.shown.value && (
          <div class="tools">
            <Ways page={page} inviting={false} />
            <Strip pictures={pictures} />
          </div>
        )}
        <Announcer text={announcement(page)} />
      </main>
      <footer class="footnote">
        <p>
          <span id="privacy-line">{privacyLine(model.kind === "ready" ? model.card : undefined)}</span>{" "}
          {model.kind === "ready" && (
            <span id="device-line" title={model.card.deviceDescription}>
              {deviceLine(model.card)}
            </span>
          )}
        </p>
        <p class="device-note" id="device-note" role="status">
          {model.kind === "ready" && model.card.fallback && fallbackLine(model.card.fallback)}
        </p>
      </footer>
      <SettingsPanel page={page} offer={offer} />
    </>
  );
}

/** Left and right walk through the pictures, Escape goes back to all of them; not while something is entered. */
function listenForKeys({ pictures, camera, settingsOpen }: PageState): () => void {
  const press = (event: KeyboardEvent) => {
    const target = event.target as Element | null;
    if (settingsOpen.value || event.altKey || event.ctrlKey || event.metaKey) return;
    if (target?.matches('input, select, textarea, [tabindex="0"]')) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const neighbor = step === undefined ? undefined : pictures.neighbor(step);
    if (neighbor) pictures.show(neighbor);
    else if (event.key === "Escape" && camera.state.value.kind !== "off") camera.stop();
    else if (event.key === "Escape" && pictures.all.value.length > 1) pictures.show(undefined);
  };
  window.addEventListener("keydown", press);
  return () => window.removeEventListener("keydown", press);
}
