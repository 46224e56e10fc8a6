// The frame: previews fade in, finals sharpen. Two layers, the newer one over the older. Knows no socket.

import { $ } from "./elements.js";

const frame = $("frame");
const layers = [...frame.querySelectorAll(".layer")];
let top = 0;
let turn = 0;

function release(url) {
  if (url.startsWith("blob:")) URL.revokeObjectURL(url);
}

/** Show a picture once it is decoded. kind: "preview", "final" or "source"; alt: what it shows, in words. */
export async function show(blob, kind, alt) {
  const mine = (turn += 1);
  const url = URL.createObjectURL(blob);
  const ready = new Image();
  ready.src = url;
  try {
    await ready.decode();
  } catch (error) {
    release(url);
    throw error;
  }
  if (mine !== turn) {
    release(url); // a newer one was faster
    return null;
  }
  const below = layers[top];
  top = 1 - top;
  const above = layers[top];
  const stale = above.src;
  above.src = url;
  above.alt = alt;
  above.hidden = false;
  above.dataset.kind = kind;
  above.removeAttribute("aria-hidden");
  below.setAttribute("aria-hidden", "true");
  above.classList.remove("shown");
  frame.append(above, ...frame.querySelectorAll(".empty, .brush, .compare, .drop"));
  void above.offsetWidth; // so that the fade begins from nothing
  above.classList.add("shown");
  frame.dataset.state = kind;
  frame.style.setProperty("--w", ready.naturalWidth);
  frame.style.setProperty("--h", ready.naturalHeight);
  $("empty").hidden = true;
  if (stale) release(stale);
  return { width: ready.naturalWidth, height: ready.naturalHeight };
}

/** Nothing that is still being decoded will be shown. */
export function forgetPending() {
  turn += 1;
}

const thread = $("thread");

/** share: 0 to 1; null hides the line. */
export function progress(share) {
  thread.classList.toggle("going", share !== null);
  const percent = Math.round((share ?? 0) * 100);
  thread.setAttribute("aria-valuenow", String(percent));
  thread.style.setProperty("--done", String(share ?? 0));
}
