// What the page remembers from visit to visit. Knows storage, and no element. The key is kept for the session alone.

const NAME = "flashpaint";
const KEY = "flashpaint-key";

const USUAL = {
  language: "",
  theme: "",
  prompt: "",
  seed: "",
  seedLocked: false,
  steps: "",
  guidance: "",
  style: "",
  size: "",
  shape: "",
  negative: "",
  reuse: "",
  strength: 0.75,
  scaling: "smooth",
  more: false,
  single: true,
};

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(NAME) || "{}");
    const known = Object.entries(kept).filter(([name, value]) => typeof value === typeof USUAL[name]);
    return { ...USUAL, ...Object.fromEntries(known) };
  } catch {
    return { ...USUAL };
  }
}

const held = read();

export const settings = {
  get: (name) => held[name],
  set(name, value) {
    held[name] = value;
    try {
      localStorage.setItem(NAME, JSON.stringify(held));
    } catch {
      // a private window: it holds until the page is left
    }
  },
};

let secret = "";

export const key = {
  get() {
    try {
      return sessionStorage.getItem(KEY) || secret;
    } catch {
      return secret;
    }
  },
  set(value) {
    secret = value;
    try {
      sessionStorage.setItem(KEY, value);
    } catch {
      // as above
    }
  },
};
