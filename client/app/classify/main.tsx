// The page that classifies: styles, settings from its address, and the root of its components.
//
// `?device=wasm` or `?device=webgpu` sets the device; the default is a hardware GPU, else wasm.

import "../design/tokens.css";
import "../design/base.css";
import "../design/components.css";
import "./classify.css";
import "./collection.css";
import { signal } from "@preact/signals";
import { render } from "preact";
import { clearCache, createClassifier } from "../../browser/index.js";
import { fetchModelOffer, type ModelOffer } from "../exchange/model-list.js";
import { keepPage } from "../service-worker/update-notice.js";
import { ClassifyPage } from "./classify-page.js";
import { PageState } from "./page-state.js";
import type { Settings } from "./session.js";

const root = document.getElementById("app");
if (!root) throw new Error("index.html lacks #app");
// What is no device is refused by name.
const device = (new URLSearchParams(location.search).get("device") ?? "auto") as Settings["device"];
const page = new PageState({ createClassifier, clearCache }, { device, dtype: "auto" });

const offer = signal<ModelOffer>({ models: [] });
// Where the list cannot be fetched, the session says so.
fetchModelOffer(AbortSignal.timeout(60_000)).then(
  (fetched) => {
    offer.value = fetched;
  },
  () => {},
);

function App() {
  return <ClassifyPage page={page} offer={offer.value} />;
}

render(<App />, root);
keepPage(() => page.empty.value);
