// Sharing: a verdict as text, as JSON or as a picture with its placard. Nothing is sent anywhere by the page itself.

import { useSignal } from "@preact/signals";
import type { Classification, ModelCard } from "../../browser/contract.js";
import { Button } from "../design/button.js";
import { percent } from "../design/numbers.js";
import { saveFile } from "../exchange/saving.js";
import { splitSynonyms } from "./display-text.js";
import type { PageState } from "./page-state.js";
import type { Picture } from "./pictures.js";
import { drawResultCard } from "./result-card.js";

interface SharingProps {
  page: PageState;
  picture: Picture;
  classification: Classification;
}

/** `beacon 66.9%, bell cote 1.6% … (lighthouse.svg, deit_tiny)` */
function asText(picture: Picture, card: ModelCard, classes: Classification["classes"]): string {
  const lines = classes.map(
    ({ label, probability }) => `${percent(probability)}  ${splitSynonyms(label)[0]}`,
  );
  return [`${picture.name}, looked at by ${card.name}:`, ...lines].join("\n");
}

function asJson(picture: Picture, card: ModelCard, classification: Classification, topK: number): string {
  const { classes, crop, milliseconds, picture: facts } = classification;
  const { name, dtype, device } = card;
  const value = {
    file: picture.name,
    model: { name, dtype, device },
    classes: classes.slice(0, topK),
    picture: facts,
    crop,
    milliseconds,
  };
  return JSON.stringify(value, null, 2);
}

export function Sharing({ page, picture, classification }: SharingProps) {
  const said = useSignal("");
  const state = page.session.state.value;
  if (state.kind !== "ready") return null;
  const { card } = state;
  const classes = classification.classes.slice(0, page.topK.value);
  const copy = async (text: string, what: string) => {
    try {
      await navigator.clipboard.writeText(text);
      said.value = `${what} copied.`;
    } catch (error) {
      console.warn(error);
      said.value = "The browser does not allow copying here.";
    }
  };
  const save = async () => {
    try {
      saveFile("verdict.png", await drawResultCard(picture.file, card, classes));
    } catch (error) {
      console.warn(error);
      said.value = "This browser cannot draw the file.";
    }
  };
  const share = async () => {
    try {
      await navigator.share({ title: "Vitrine", text: asText(picture, card, classes) });
    } catch (error) {
      if ((error as Error).name !== "AbortError") console.warn(error);
    }
  };
  return (
    <div class="sharing">
      <Button weight="small" id="copy-text" onClick={() => void copy(asText(picture, card, classes), "Text")}>
        Copy
      </Button>
      <Button
        weight="small"
        onClick={() => void copy(asJson(picture, card, classification, page.topK.value), "JSON")}
      >
        Copy JSON
      </Button>
      <Button weight="small" onClick={() => void save()}>
        Save as picture
      </Button>
      {"share" in navigator && (
        <Button weight="small" onClick={() => void share()}>
          Share
        </Button>
      )}
      <p class="quiet sharing-said" role="status">
        {said.value}
      </p>
    </div>
  );
}
