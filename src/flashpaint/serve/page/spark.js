// How long the last 60 pictures took, from the asking to the picture.

import { $ } from "./elements.js";
import { say } from "./words.js";

const MOST = 60;
const WIDTH = 120;
const HEIGHT = 24;
const FEWEST = 12; // so many fill the width: fewer end at its right
const times = [];

export function took(ms) {
  times.push(ms);
  if (times.length > MOST) times.shift();
  draw();
}

function median() {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

export function draw() {
  if (!times.length) return;
  const svg = $("spark").querySelector("svg");
  const most = Math.max(...times) * 1.1;
  const gap = WIDTH / (Math.max(FEWEST, times.length) - 1);
  const points = times.map((ms, k) => {
    const x = WIDTH - (times.length - 1 - k) * gap;
    return [x.toFixed(1), (HEIGHT - 2 - (ms / most) * (HEIGHT - 4)).toFixed(1)].join(",");
  });
  const line = document.createElementNS(svg.namespaceURI, "polyline");
  line.setAttribute("points", points.join(" "));
  svg.replaceChildren(line);
  const facts = { n: times.length, last: Math.round(times.at(-1)), median: Math.round(median()) };
  svg.setAttribute("aria-label", say("latency_long", facts));
  $("spark").querySelector(".ms").textContent = say("latency", facts);
  svg.toggleAttribute("hidden", times.length < 3); // one or two are no line
  $("spark").hidden = false;
}
