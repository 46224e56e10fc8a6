// Boxes over the picture: chosen, dragged, resized and moved by keys. Knows shares of the picture and what a box is
// called; no scene and no server.

import { $, make } from "./elements.js";
import { label, say } from "./words.js";

const STEP = 0.02; // of the picture, a key
const LEAST = 0.06; // of the picture, a side
const NEW = 0.3;
const SIDES = ["left", "top", "right", "bottom"]; // in the order of a box
const CORNERS = [[0, 1], [2, 1], [2, 3], [0, 3]]; // the two sides that each of them moves
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const field = make("div", { className: "field" });
const layer = make("div", { id: "scene", className: "scene", hidden: true }, field);
layer.setAttribute("role", "application");
$("frame").append(layer);

let held = []; // {thing, box, element}, farthest first
let chosen = null;
let drag = null; // {pointer, one, x, y, box, corner}
let told = {};

/**
 * onChange(): a box was moved; onChoose(): another is chosen, or none; onName(), onRemove(): asked for by keys;
 * paintOf(thing): the colour of its dot, if it has one.
 */
export function begin(how) {
  told = how;
}

export const all = () => held;
export const now = () => chosen;
export const shown = () => !layer.hidden;

/** Show these: [{thing: {name, …}, box}]; null puts them away. */
export function lay(given) {
  layer.hidden = !given;
  drag = null;
  held = (given ?? []).map(made);
  field.replaceChildren(...held.map((one) => one.element));
  choose(held[0] ?? null);
  sayBoxes();
}

/** One more, where most room is; chosen. */
export function add(thing) {
  const one = made({ thing, box: freest() });
  held.push(one);
  field.append(one.element);
  choose(one);
  sayBoxes();
}

/** Take the chosen one away; another is chosen then. */
export function remove() {
  const at = held.indexOf(chosen);
  chosen.element.remove();
  held.splice(at, 1);
  choose(held[Math.min(at, held.length - 1)] ?? null);
  chosen?.element.focus();
}

export function focus() {
  chosen?.element.focus();
}

export function sayBoxes() {
  label(layer, say("scene"));
  for (const one of held) place(one);
}

/** Write a box anew: where it is, and what is in it. */
export function place({ thing, box, element }) {
  const [left, top, right, bottom] = box;
  const inset = [left, top, 1 - right, 1 - bottom];
  SIDES.forEach((side, k) => element.style.setProperty(side, `${inset[k] * 100}%`));
  const percent = (share) => Math.round(share * 100);
  const name = thing.name || say("scene_unnamed");
  const where = { left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top) };
  label(element, say("scene_box", { name, ...where }));
  element.querySelector(".name").textContent = name;
  const paint = told.paintOf(thing);
  element.style.setProperty("--dot", paint ? "block" : "none");
  element.style.setProperty("--paint", paint ?? "none");
}

function made({ thing, box }) {
  const corners = CORNERS.map((_, k) => make("span", { className: "corner" }));
  corners.forEach((corner, k) => (corner.dataset.corner = String(k)));
  const name = make("span", { className: "name" });
  return { thing, box: [...box], element: make("button", { type: "button", className: "box" }, name, ...corners) };
}

function choose(one) {
  chosen = one;
  for (const { element } of held) element.setAttribute("aria-pressed", String(element === one?.element));
  told.onChoose?.();
}

const of = (target) => held.find(({ element }) => element.contains(target));
const within = (value, least, most) => Math.min(most, Math.max(least, value));

function moved([left, top, right, bottom], across, down) {
  const x = within(across, -left, 1 - right);
  const y = within(down, -top, 1 - bottom);
  return [left + x, top + y, right + x, bottom + y];
}

/** corner: the numbers of the two sides that go along. */
function resized(box, corner, by) {
  const found = [...box];
  corner.forEach((side, k) => {
    const to = found[side] + by[k];
    const other = found[(side + 2) % 4];
    found[side] = side < 2 ? within(to, 0, Math.max(0, other - LEAST)) : within(to, Math.min(1, other + LEAST), 1);
  });
  return found;
}

function put(one, box) {
  const rounded = box.map((share) => Math.round(share * 1e4) / 1e4);
  if (rounded.every((share, k) => share === one.box[k])) return;
  one.box = rounded;
  place(one);
  told.onChange();
}

/** Of many places for a new box, the one where it covers least. */
function freest() {
  const steps = [0.35, 0.05, 0.65, 0.2, 0.5];
  const places = steps.flatMap((top) => steps.map((left) => [left, top, left + NEW, top + NEW]));
  const covers = (a, b) =>
    Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const cost = (place_) => held.reduce((sum, { box }) => sum + covers(place_, box), 0);
  return places.reduce((best, place_) => (cost(place_) < cost(best) - 1e-9 ? place_ : best));
}

field.addEventListener("pointerdown", (event) => {
  const one = of(event.target);
  if (!one || event.button !== 0 || drag) return;
  const corner = CORNERS[event.target.dataset.corner] ?? null;
  drag = { pointer: event.pointerId, one, corner, x: event.clientX, y: event.clientY, box: one.box };
  one.element.setPointerCapture(event.pointerId);
  one.element.focus();
});
field.addEventListener("pointermove", (event) => {
  if (drag?.pointer !== event.pointerId) return;
  const by = [(event.clientX - drag.x) / field.clientWidth, (event.clientY - drag.y) / field.clientHeight];
  put(drag.one, drag.corner ? resized(drag.box, drag.corner, by) : moved(drag.box, ...by));
});
for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
  field.addEventListener(end, (event) => {
    if (drag?.pointer === event.pointerId) drag = null;
  });
}
field.addEventListener("focusin", (event) => {
  const one = of(event.target);
  if (one && one !== chosen) choose(one);
});
field.addEventListener("dblclick", (event) => of(event.target) && told.onName());
field.addEventListener("keydown", (event) => {
  const one = of(event.target);
  if (!one || event.ctrlKey || event.metaKey || event.altKey) return;
  const by = ARROWS[event.key]?.map((share) => share * STEP);
  if (by) put(one, event.shiftKey ? resized(one.box, CORNERS[2], by) : moved(one.box, ...by));
  else if (event.key === "Enter") told.onName();
  else if (event.key === "Delete" || event.key === "Backspace") told.onRemove();
  else return;
  event.preventDefault();
});
