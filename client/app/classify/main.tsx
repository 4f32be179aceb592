// The page that classifies: styles and the root of its components.

import "../design/tokens.css";
import "../design/base.css";
import "../design/components.css";
import "./classify.css";
import { render } from "preact";
import { createClassifier } from "../../browser/index.js";
import { keepPage } from "../service-worker/update-notice.js";
import { ClassifyPage } from "./classify-page.js";
import { createPictures } from "./pictures.js";
import { openSession } from "./session.js";

const root = document.getElementById("app");
if (!root) throw new Error("index.html lacks #app");
const session = openSession(createClassifier);
const pictures = createPictures(session);
render(<ClassifyPage session={session} pictures={pictures} />, root);
keepPage(() => pictures.shown.value === undefined);
