// Looking around in a panorama: the frame becomes a window that is turned by dragging, the wheel and keys. Knows no
// socket. The drawing is libpannellum's, the renderer of Pannellum alone: the viewer around it sets innerHTML, which the
// page's content policy forbids.

import { $, make } from "./elements.js";
import { refuse } from "./notices.js";
import { label, say } from "./words.js";

const MARK = /GPano:ProjectionType="equirectangular"/; // in the file, as headsets read it
const TURN = 0.06; // radians a key
const FIELD = { least: 0.5, most: 2.2, begin: 1.7 }; // of view, in radians, from side to side
const UP = Math.PI / 2;

const open = make("button", { type: "button", id: "around-open", className: "around-open", textContent: "360°", hidden: true });
const view = make("div", { id: "around", className: "around", tabIndex: 0, hidden: true });
const close = make("button", { type: "button", id: "around-close", className: "around-close", textContent: "×" });
const large = make("button", { type: "button", id: "around-large", className: "around-large", textContent: "⤢" });
const parts = [[open, "around_open"], [view, "around"], [close, "around_close"], [large, "around_large"]];
for (const [part, name] of parts) {
  part.dataset.sayLabel = name;
  label(part, say(name));
}
view.setAttribute("role", "application");
view.append(close, large);
$("frame").append(open, view);

let renderer = null; // opened on first use: few pictures are panoramas
let panorama = null; // the blob that can be looked around in
let looking = { pitch: 0, yaw: 0, field: FIELD.begin };
let asked = 0; // the frame in which it is drawn anew

/** The picture in the frame is this one now: if it is a panorama, one may look around in it. */
export async function offer(blob) {
  const found = MARK.test(new TextDecoder("latin1").decode(await blob.arrayBuffer()));
  panorama = found ? blob : null;
  open.hidden = !found || !view.hidden;
  if (view.hidden) return;
  if (found) await shown(blob);
  else leave();
}

async function enter() {
  try {
    view.hidden = false;
    await shown(panorama);
    open.hidden = true;
    view.focus();
  } catch {
    leave();
    refuse({ code: "no_webgl" });
  }
}

function leave() {
  if (document.fullscreenElement === view) document.exitFullscreen();
  view.hidden = true;
  open.hidden = !panorama;
}

async function shown(blob) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
    if (!renderer) {
      await import("./libpannellum.js");
      renderer = window.libpannellum.renderer(view);
    }
    renderer.init(image, "equirectangular", false, 2 * Math.PI, Math.PI, 0, () => {}, {});
  } finally {
    URL.revokeObjectURL(image.src);
  }
  sized();
}

function sized() {
  if (!renderer || view.hidden) return;
  renderer.resize();
  turn(0, 0);
}

/** By so many radians, as far as straight up and down. */
function turn(yaw, pitch, zoom = 1) {
  looking = {
    yaw: ((looking.yaw + yaw + 3 * Math.PI) % (2 * Math.PI)) - Math.PI,
    pitch: Math.min(UP, Math.max(-UP, looking.pitch + pitch)),
    field: Math.min(FIELD.most, Math.max(FIELD.least, looking.field * zoom)),
  };
  Object.assign(view.dataset, { yaw: looking.yaw.toFixed(3), pitch: looking.pitch.toFixed(3) });
  asked ||= requestAnimationFrame(draw);
}

function draw() {
  asked = 0;
  if (!view.hidden) renderer.render(looking.pitch, looking.yaw, looking.field);
}

const KEYS = {
  ArrowLeft: [-TURN, 0],
  ArrowRight: [TURN, 0],
  ArrowUp: [0, TURN],
  ArrowDown: [0, -TURN],
  "+": [0, 0, 0.9],
  "=": [0, 0, 0.9],
  "-": [0, 0, 1.1],
};

view.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.fullscreenElement) leave();
  else if (event.key in KEYS && !event.ctrlKey && !event.metaKey) turn(...KEYS[event.key]);
  else return;
  event.preventDefault();
  event.stopPropagation();
});
view.addEventListener("pointerdown", (event) => {
  if (!event.target.matches("button")) view.setPointerCapture(event.pointerId);
});
view.addEventListener("pointermove", (event) => {
  if (!view.hasPointerCapture(event.pointerId)) return;
  const each = looking.field / view.clientWidth; // what is held stays under the finger
  turn(-event.movementX * each, event.movementY * each);
});
view.addEventListener("wheel", (event) => {
  event.preventDefault();
  turn(0, 0, event.deltaY > 0 ? 1.08 : 0.92);
}, { passive: false });
large.addEventListener("click", () =>
  document.fullscreenElement ? document.exitFullscreen() : view.requestFullscreen().catch(() => {}),
);
open.addEventListener("click", enter);
close.addEventListener("click", leave);
new ResizeObserver(sized).observe(view);
