// The page that trains: styles, settings from its address, and the root of its components.
//
// `?device=wasm` or `?device=webgpu` sets the device; the default is a hardware GPU, else wasm.

import "../design/tokens.css";
import "../design/base.css";
import "../design/components.css";
import "./train.css";
import { render } from "preact";
import { createTrainer, listRuns, removeRun } from "../../browser/trainer.js";
import { fetchModelOffer } from "../exchange/model-list.js";
import { LabeledClasses } from "./labeled-classes.js";
import { TabRun } from "./tab-run.js";
import { TrainPage } from "./train-page.js";

const root = document.getElementById("app");
if (!root) throw new Error("train.html lacks #app");
const device = new URLSearchParams(location.search).get("device") ?? undefined;
const models = fetchModelOffer(AbortSignal.timeout(60_000)).then((offer) => offer.models);
const run = new TabRun({ createTrainer, listRuns, removeRun }, models, device);
render(<TrainPage classes={new LabeledClasses()} run={run} />, root);
