// The mask: brushed over the picture, by pointer or by keys; sent as a PNG whose transparent part is edited.

import { $ } from "./elements.js";

const MOST = 1024; // pixels of its longer side while it is brushed

const surface = $("brush");
const size = $("brush-size");
let context = null;
let whole = { width: 0, height: 0 };
let last = null;
let rubbing = false;
let touched = false;
let at = null; // where the keys are

/** An empty mask over a picture of this size. */
export function lay({ width, height }) {
  whole = { width, height };
  const scale = Math.min(1, MOST / Math.max(width, height));
  surface.width = Math.max(1, Math.round(width * scale));
  surface.height = Math.max(1, Math.round(height * scale));
  context = surface.getContext("2d");
  context.lineCap = context.lineJoin = "round";
  context.fillStyle = context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
  touched = false;
  at = { x: surface.width / 2, y: surface.height / 2 };
}

export function clear() {
  if (context) lay(whole);
}

export function rub(on) {
  rubbing = on;
}

export const brushed = () => touched;

/** Opaque where it is kept, alpha 0 where it is edited, of the picture's own size. */
export function mask() {
  const sheet = new OffscreenCanvas(whole.width, whole.height);
  const drawn = sheet.getContext("2d");
  drawn.fillRect(0, 0, whole.width, whole.height);
  drawn.globalCompositeOperation = "destination-out";
  drawn.drawImage(surface, 0, 0, whole.width, whole.height);
  return sheet.convertToBlob({ type: "image/png" });
}

function scale() {
  return surface.width / surface.getBoundingClientRect().width;
}

function place(event) {
  const box = surface.getBoundingClientRect();
  return { x: (event.clientX - box.left) * scale(), y: (event.clientY - box.top) * scale() };
}

function stroke(from, to) {
  context.globalCompositeOperation = rubbing ? "destination-out" : "source-over";
  context.lineWidth = Number(size.value) * scale();
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineTo(to.x + 0.01, to.y);
  context.stroke();
  touched = touched || !rubbing;
}

function cursor({ x, y }) {
  surface.parentElement.style.setProperty("--x", x / surface.width);
  surface.parentElement.style.setProperty("--y", y / surface.height);
}

surface.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  surface.setPointerCapture(event.pointerId);
  last = place(event);
  stroke(last, last);
  event.preventDefault();
});
surface.addEventListener("pointermove", (event) => {
  if (!last) return;
  for (const one of event.getCoalescedEvents?.() ?? [event]) {
    const next = place(one);
    stroke(last, next);
    last = next;
  }
});
for (const end of ["pointerup", "pointercancel"]) surface.addEventListener(end, () => (last = null));

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

surface.addEventListener("keydown", (event) => {
  if (event.key === " ") {
    stroke(at, at);
  } else if (event.key in WAYS) {
    const far = (event.shiftKey ? 32 : 8) * scale();
    const [x, y] = WAYS[event.key];
    at.x = Math.min(surface.width, Math.max(0, at.x + x * far));
    at.y = Math.min(surface.height, Math.max(0, at.y + y * far));
  } else return;
  cursor(at);
  event.preventDefault();
  event.stopPropagation();
});
surface.addEventListener("focus", () => at && cursor(at));

export function resize(by) {
  size.value = String(Number(size.value) + by);
  size.dispatchEvent(new Event("input", { bubbles: true }));
}

function ring() {
  surface.parentElement.style.setProperty("--brush", `${size.value}px`);
}
size.addEventListener("input", ring);
ring();
