// Finding and making elements. Knows nothing of what they mean.

export const $ = (id) => document.getElementById(id);

/** make("li", {className: "item"}, child, "text") */
export function make(tag, properties = {}, ...children) {
  const found = Object.assign(document.createElement(tag), properties);
  found.append(...children);
  return found;
}

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

export function pressed(button, on, iconName) {
  button.setAttribute("aria-pressed", String(on));
  if (iconName) button.querySelector("use").setAttribute("href", `#i-${iconName}`);
}

export const isPressed = (button) => button.getAttribute("aria-pressed") === "true";

/** A text field as high as its text; CSS does it where field-sizing is known. */
export function fitted(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}

/** Call it once things have been quiet for so long. */
export function later(work, ms) {
  let timer = 0;
  const call = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(work, ms, ...given);
  };
  call.cancel = () => clearTimeout(timer);
  return call;
}
