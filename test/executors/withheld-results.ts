// Withheld results: a device that holds back its results, so that a test sees what waits for them.

/** Makes every buffer of the device wait for `release` before its mapping is told, and counts what is submitted. */
export function withholdResults(device: GPUDevice) {
  const held: (() => void)[] = [];
  let open = false;
  let submissions = 0;
  const submit = device.queue.submit.bind(device.queue);
  device.queue.submit = (buffers) => {
    submissions++;
    submit(buffers);
  };
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const mapAsync = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = async (...range) => {
      await mapAsync(...range);
      if (!open) await new Promise<void>((resolve) => held.push(resolve));
    };
    return buffer;
  };
  const release = () => {
    open = true;
    for (const resolve of held.splice(0)) resolve();
  };
  return { waiting: () => held.length, submissions: () => submissions, release };
}

/** Until the device has done what was submitted, and what waits for it would have gone on. */
export async function idle(device: GPUDevice | undefined): Promise<void> {
  await device?.queue.onSubmittedWorkDone();
  await new Promise((resolve) => setTimeout(resolve, 50));
}
