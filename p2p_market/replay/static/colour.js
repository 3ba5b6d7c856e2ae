// Colours that mean something: prices from blue to yellow, each lighter than the one before, so that grey tells them
// apart too; and the sky by the hour.

const PRICES = ["#8197ff", "#56b4f5", "#45cfc0", "#86e07a", "#d6ea4e", "#fff07a"].map(parse);
const HOURS = [
  [0, "#0a1230", "#1c2850", "#1d3436"],
  [4.8, "#0f1a40", "#35396b", "#22403c"],
  [6.2, "#5470b0", "#f6b88a", "#5d8060"],
  [8, "#5aa5e4", "#cfe8fa", "#93c07f"],
  [16.5, "#5aa5e4", "#d7ecfb", "#9bc685"],
  [18.6, "#5a5fa3", "#f59b6c", "#6a8258"],
  [20.2, "#161f4a", "#4a4475", "#27433f"],
  [21.5, "#0a1230", "#1c2850", "#1d3436"],
  [24, "#0a1230", "#1c2850", "#1d3436"],
].map(([hour, ...colours]) => [hour, colours.map(parse)]);

function parse(text) {
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
}

function between(one, other, share) {
  return `rgb(${one.map((value, i) => Math.round(value + (other[i] - value) * share)).join(" ")})`;
}

export function priceColour(share) {
  const place = Math.min(Math.max(share, 0), 1) * (PRICES.length - 1);
  const below = Math.min(Math.floor(place), PRICES.length - 2);
  return between(PRICES[below], PRICES[below + 1], place - below);
}

// Top and foot of the sky, and the ground.
export function skyAt(hour) {
  const after = Math.max(1, HOURS.findIndex(([at]) => at > hour));
  const [from, one] = HOURS[after - 1];
  const [to, other] = HOURS[after];
  return one.map((colour, i) => between(colour, other[i], (hour - from) / (to - from)));
}

export const isNight = (hour) => hour < 5.6 || hour > 19.2;
