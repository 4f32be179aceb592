// Saving: hands a file that the page made to the browser's downloads.

export function saveFile(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The download has the blob by then; some browsers read it only after the click's task.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
