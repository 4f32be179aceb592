// Photograph input: drop, paste and choose, three ways to one File.

/** Shows with `data-dragging` on the body that a file hangs over the page. */
function listenForDrops(receive: (file: File) => void, refuse: (reason: string) => void): void {
  // dragenter and dragleave fire for every element that is crossed: only their balance says where the file is.
  let depth = 0;
  const carriesFile = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  const mark = () => document.body.toggleAttribute("data-dragging", depth > 0);
  window.addEventListener("dragenter", (event) => {
    if (!carriesFile(event)) return;
    depth++;
    mark();
  });
  window.addEventListener("dragleave", (event) => {
    if (!carriesFile(event)) return;
    depth = Math.max(0, depth - 1);
    mark();
  });
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = carriesFile(event) ? "copy" : "none";
  });
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    mark();
    const file = event.dataTransfer?.files[0];
    if (file) receive(file);
    else refuse("What was dropped is no file. Save the picture first, then drop the file here.");
  });
}

function listenForPastes(receive: (file: File) => void): void {
  window.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    receive(file);
  });
}

/** `buttons` open the file dialog of `field`. */
export function listenForPhotographs(
  field: HTMLInputElement,
  buttons: readonly HTMLButtonElement[],
  receive: (file: File) => void,
  refuse: (reason: string) => void,
): void {
  for (const button of buttons) button.addEventListener("click", () => field.click());
  field.addEventListener("change", () => {
    const file = field.files?.[0];
    if (file) receive(file);
    // The same file chosen twice should count twice.
    field.value = "";
  });
  listenForDrops(receive, refuse);
  listenForPastes(receive);
}
