// A hook that loads a model while a component is mounted. StrictMode mounts it twice: the first load is aborted before it
// has asked for anything.

import { createClassifier } from "@vitrine/browser";
import { useEffect, useState } from "react";

/** { classifier } once it is loaded, { error } where it cannot be, else {}. */
export function useClassifier(model) {
  const [state, setState] = useState({});
  useEffect(() => {
    const controller = new AbortController();
    let loaded;
    createClassifier({ model, signal: controller.signal }).then(
      (classifier) => {
        loaded = classifier;
        if (controller.signal.aborted) classifier.dispose();
        else setState({ classifier });
      },
      (error) => controller.signal.aborted || setState({ error }),
    );
    return () => {
      controller.abort();
      loaded?.dispose();
      setState({});
    };
  }, [model]);
  return state;
}
