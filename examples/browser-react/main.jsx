// A React page in StrictMode, with a model folder as public/model/.

import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { useClassifier } from "./use-classifier.js";

/** The classes of a file; the answer about an earlier file is dropped. */
function useClasses(classifier, file) {
  const [classes, setClasses] = useState([]);
  useEffect(() => {
    if (!classifier || !file) return undefined;
    const controller = new AbortController();
    classifier.classify(file, { topK: 3, signal: controller.signal }).then(
      (classification) => setClasses(classification.classes),
      (error) => controller.signal.aborted || setClasses([{ label: error.message, probability: 0 }]),
    );
    return () => controller.abort();
  }, [classifier, file]);
  return classes;
}

function App() {
  const { classifier, error } = useClassifier("./model/");
  const [file, setFile] = useState();
  const classes = useClasses(classifier, file);
  return (
    <>
      <label>
        Picture <input type="file" accept="image/*" onChange={({ target }) => setFile(target.files[0])} />
      </label>
      <p role="status">{error?.message ?? (classifier ? classifier.card.deviceDescription : "Loading …")}</p>
      <ol>
        {classes.map(({ label, probability }) => (
          <li key={label}>
            {label} {(100 * probability).toFixed(1)}%
          </li>
        ))}
      </ol>
    </>
  );
}

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
