// Registration: starts the service worker of the page, and says when another version of the page is ready.

export interface Versions {
  /** Called when another version is complete on this computer. `update` changes to it and reloads the page. */
  onUpdate(update: () => void): void;
  /** Called when the page can be opened without a network from now on. */
  onOffline?(): void;
  /** Whether the visitor has nothing to lose by a reload. Asked once, at the first visit to a host that isolates nothing. */
  isIdle(): boolean;
}

/** Marks a session in which the page has been reloaded for isolation, so that it is not reloaded again in vain. */
const RELOADED = "vitrine-isolated";
/** How often a page that stays open asks for another version. */
const CHECK_MS = 60 * 60 * 1000;

function reloadIsolated(isIdle: () => boolean): void {
  if (crossOriginIsolated || sessionStorage.getItem(RELOADED) !== null || !isIdle()) return;
  sessionStorage.setItem(RELOADED, "1");
  location.reload();
}

/** Resolves when the worker has installed; false where its files could not be kept. */
function installed(worker: ServiceWorker): Promise<boolean> {
  return new Promise((resolve) => {
    const look = () => {
      if (worker.state === "installing") return;
      worker.removeEventListener("statechange", look);
      resolve(worker.state !== "redundant");
    };
    worker.addEventListener("statechange", look);
    look();
  });
}

/** Another version waits: it replaces this one when the visitor wants it. */
function announce(waiting: ServiceWorker, { onUpdate }: Versions): void {
  onUpdate(() => {
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    waiting.postMessage("activate");
  });
}

async function watch(registration: ServiceWorkerRegistration, versions: Versions): Promise<void> {
  const hadVersion = registration.active !== null;
  const follow = () => {
    const { installing } = registration;
    // The first version replaces nothing.
    if (!installing || !registration.active) return;
    void installed(installing).then((complete) => complete && announce(installing, versions));
  };
  registration.addEventListener("updatefound", follow);
  follow();
  if (registration.waiting) announce(registration.waiting, versions);
  if (hadVersion && !navigator.serviceWorker.controller) reloadIsolated(versions.isIdle);
  const { installing } = registration;
  if (hadVersion || !installing || !(await installed(installing))) return;
  await navigator.serviceWorker.ready;
  versions.onOffline?.();
  reloadIsolated(versions.isIdle);
}

/**
 * Does nothing where the browser has no service workers: without https, and in some private windows. `folder`: the
 * address of the page's folder.
 */
export async function registerServiceWorker(
  versions: Versions,
  folder: string = document.baseURI,
): Promise<void> {
  if (!isSecureContext || !("serviceWorker" in navigator)) return;
  const script = new URL("service-worker.js", folder);
  try {
    const registration = await navigator.serviceWorker.register(script, { updateViaCache: "none" });
    let checkedMs = performance.now();
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible" || performance.now() - checkedMs < CHECK_MS) return;
      checkedMs = performance.now();
      registration.update().catch(() => {});
    });
    await watch(registration, versions);
  } catch (error) {
    // The page works without: it only needs the network again.
    console.info("this page is not kept for offline use:", error);
  }
}
